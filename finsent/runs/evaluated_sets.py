"""The rows that a run's two models were judged on: its own test split, and every labelled file judged since.

Predictions of a run's own rows lie in ``predictions/``; those of another source in ``predictions/on-<key>/``, where
the key is the beginning of the hash of its rows, beside ``about.json`` with its title.
"""

import contextlib
import json
import re
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, Field

from finsent.data.schema import TRAINED, names
from finsent.errors import RunError, RunStateError
from finsent.files import read_json, remove, write_atomically
from finsent.inference.predictions import MODELS, load_predictions, save_predictions
from finsent.metrics.calibration import Pair
from finsent.metrics.classification import on_test_split
from finsent.runs.store import Run

#: The key of a run's own test split.
OWN = ""
OWN_TITLE = "its own test split"
_KEY = re.compile(r"[0-9a-f]{12}")


class _About(BaseModel):
    """What ``about.json`` says of a set of rows."""

    title: str = Field(min_length=1, max_length=1_000)


def judged_sets(run: Run) -> dict[str, str]:
    """Return ``{key: title}`` of the row sets that both models were judged on, the run's own test split first."""
    sets = {OWN: OWN_TITLE} if run.has_comparison else {}
    for about in sorted((run.folder / "predictions").glob("on-*/about.json")):
        key = about.parent.name.removeprefix("on-")
        if _KEY.fullmatch(key):
            sets[key] = _title(about) or f"rows whose title cannot be read ({key})"
    return sets


def set_key(fingerprint: str) -> str:
    """Return the key of the set of rows of a data set by the hexadecimal hash of the data, "" where that is unknown."""
    return fingerprint[:12]


def save_judged(run: Run, title: str, fingerprint: str, baseline: pd.DataFrame, tuned: pd.DataFrame) -> str:
    """Keep both models' predictions of another source beside the run; return the key of the set.

    ``fingerprint`` is the hexadecimal hash of its rows: the same rows judged again take the place of the first.

    Raises:
        FolderGoneError: the run was deleted meanwhile.
        DiskFullError: there is no room.
    """
    key = set_key(fingerprint)
    folder = _folder(run, key)
    # A deleted run's folder does not come back.
    with contextlib.suppress(FileNotFoundError):
        folder.parent.mkdir(exist_ok=True)
    for model, table in zip(MODELS, (baseline, tuned), strict=True):
        save_predictions(table, folder / f"{model}.parquet")
    # Last, since a set is there once its title is.
    write_atomically(folder / "about.json", json.dumps({"title": title}))
    return key


def forget_judged(run: Run) -> None:
    """Remove what a run's adapter answered: its own rows' figures, and every other set of rows."""
    for path in (run.evaluation_file, run.predictions_file("tuned"), *(run.folder / "predictions").glob("on-*")):
        remove(path)


def judged_pair(run: Run, on: str = OWN) -> Pair:
    """Return both models' predictions of the rows that one set's figures are about; raises as :func:`saved_pair`."""
    pair = saved_pair(run, on)
    return (on_test_split(pair[0]), on_test_split(pair[1])) if on == OWN else pair


def saved_pair(run: Run, on: str = OWN) -> Pair:
    """Return the baseline's and the tuned model's predictions of one set, in the same order, of all splits.

    Raises:
        RunStateError: the run's own rows have not been judged by both models.
        RunError: there is no such set, its predictions cannot be read, or the two are not about the same rows.
    """
    if on == OWN and not run.has_comparison:
        advice = "" if run.active or not run.has_adapter else f" Evaluate it first: python -m finsent evaluate {run.id}"
        raise RunStateError(
            f"Run {run.id} is {run.state} and has no predictions of both models, so there is nothing to compare: "
            f"its own rows were not judged by both models.{advice}"
        )
    baseline, tuned = judged_files(run, on)
    pair = load_predictions(baseline), load_predictions(tuned)
    before, after = (table[names(TRAINED)].to_numpy().tolist() for table in pair)
    if before != after:
        raise RunError(f"The two models of run {run.id} were judged on different rows. Evaluate it again.")
    return pair


def judged_files(run: Run, on: str = OWN) -> tuple[Path, Path]:
    """Return the files of both models' predictions of a set of rows.

    Raises:
        RunError: there is no such set.
    """
    if on == OWN:
        return run.predictions_file("baseline"), run.predictions_file("tuned")
    if on not in judged_sets(run):
        raise RunError(f"Run {run.id} was not judged on a set of rows with the key “{on}”.")
    return _folder(run, on) / "baseline.parquet", _folder(run, on) / "tuned.parquet"


def _title(about: Path) -> str:
    try:
        return _About.model_validate(read_json(about)).title
    except (OSError, ValueError):
        return ""


def _folder(run: Run, key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise RunError(f"“{key}” is no key of a set of rows.")
    return run.folder / "predictions" / f"on-{key}"
