"""The rows that a run's two models were judged on: its own test split, and every labelled file judged since.

Predictions of a run's own rows lie in ``predictions/``; those of another source in ``predictions/on-<key>/``, where
the key is the beginning of the hash of its rows, beside ``about.json`` with its title.
"""

import json
import re
import shutil
from pathlib import Path

import pandas as pd

from finsent.calibration import Pair
from finsent.errors import RunError, RunStateError
from finsent.metrics import on_test_split
from finsent.predictions import MODELS, load_predictions, save_predictions
from finsent.runs import Run, write_atomically

#: The key of a run's own test split.
OWN = ""
OWN_TITLE = "its own test split"
_KEY = re.compile(r"[0-9a-f]{12}")


def judged_sets(run: Run) -> dict[str, str]:
    """Return ``{key: title}`` of the row sets that both models were judged on, the run's own test split first."""
    sets = {OWN: OWN_TITLE} if run.has_comparison else {}
    for about in sorted((run.folder / "predictions").glob("on-*/about.json")):
        key = about.parent.name.removeprefix("on-")
        if _KEY.fullmatch(key):
            sets[key] = json.loads(about.read_text(encoding="utf-8"))["title"]
    return sets


def save_judged(run: Run, title: str, fingerprint: str, baseline: pd.DataFrame, tuned: pd.DataFrame) -> str:
    """Keep both models' predictions of another source beside the run; return the key of the set.

    ``fingerprint`` is the hexadecimal hash of its rows: the same rows judged again take the place of the first.

    Raises:
        DiskFullError: there is no room.
    """
    key = fingerprint[:12]
    folder = _folder(run, key)
    for model, table in zip(MODELS, (baseline, tuned), strict=True):
        save_predictions(table, folder / f"{model}.parquet")
    # Last, since a set is there once its title is.
    write_atomically(folder / "about.json", json.dumps({"title": title}))
    return key


def forget_judged(run: Run) -> None:
    """Remove what a run's adapter answered: its own rows' figures, and every other set of rows."""
    run.evaluation_file.unlink(missing_ok=True)
    run.predictions_file("tuned").unlink(missing_ok=True)
    for folder in (run.folder / "predictions").glob("on-*"):
        shutil.rmtree(folder)


def judged_pair(run: Run, on: str = OWN) -> Pair:
    """Return both models' predictions of the rows that one set's figures are about; raises as :func:`saved_pair`."""
    pair = saved_pair(run, on)
    return tuple(on_test_split(table) for table in pair) if on == OWN else pair


def saved_pair(run: Run, on: str = OWN) -> Pair:
    """Return the baseline's and the tuned model's predictions of one set, in the same order, of all splits.

    Raises:
        RunStateError: the run's own rows have not been judged by both models.
        RunError: there is no such set, its predictions cannot be read, or the two are not about the same rows.
    """
    if on == OWN and not run.has_comparison:
        raise RunStateError(
            f"Run {run.id} is {run.state} and has no predictions of both models, so there is nothing to compare."
        )
    pair = tuple(load_predictions(file) for file in judged_files(run, on))
    if pair[0]["row_id"].tolist() != pair[1]["row_id"].tolist():
        raise RunError(f"The two models of run {run.id} were judged on different rows. Evaluate it again.")
    return pair


def judged_files(run: Run, on: str = OWN) -> tuple[Path, Path]:
    """Return the files of both models' predictions of a set of rows.

    Raises:
        RunError: there is no such set.
    """
    if on == OWN:
        return tuple(run.predictions_file(model) for model in MODELS)
    if on not in judged_sets(run):
        raise RunError(f"Run {run.id} was not judged on a set of rows with the key “{on}”.")
    return tuple(_folder(run, on) / f"{model}.parquet" for model in MODELS)


def _folder(run: Run, key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise RunError(f"“{key}” is no key of a set of rows.")
    return run.folder / "predictions" / f"on-{key}"
