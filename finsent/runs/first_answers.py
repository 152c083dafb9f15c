"""What a run's model answered to its validation rows before its first step: step 0 of what is told of its training.

That is the baseline's answer where training began with the base model. A run that continues another one began with
that one's adapter, so its answers count, where they are known, and never the baseline's.
"""

import os
from dataclasses import dataclass

import pandas as pd

from finsent.errors import RunError
from finsent.inference.predictions import load_predictions
from finsent.runs.beginning import content_hash
from finsent.runs.store import Run, load_run

#: Whose answers a point of a curve is about.
BASELINE, PARENT, OWN = "the baseline", "its parent", "this run"


@dataclass(frozen=True)
class FirstAnswers:
    """A run's validation ``rows``, and a predictions table of them at step 0 with ``whose`` it is.

    ``answers`` is None where what the run began with was not judged on these rows, or is not there.
    """

    rows: pd.DataFrame
    answers: pd.DataFrame | None
    whose: str


def first_answers(run: Run) -> FirstAnswers | None:
    """Return what a run's model answered before its first step; None before its baseline was scored.

    Raises:
        DamagedFileError: the baseline's predictions cannot be read.
    """
    file = run.predictions_file("baseline")
    if not os.path.lexists(file):
        return None
    scored = load_predictions(file)
    rows = scored[scored["split"] == "validation"].reset_index(drop=True)
    return FirstAnswers(rows, _of_parent(run, rows), PARENT) if run.parent else FirstAnswers(rows, rows, BASELINE)


def _of_parent(run: Run, rows: pd.DataFrame) -> pd.DataFrame | None:
    """Return the parent's answers to some rows, whose labels count: they may have been corrected since."""
    try:
        parent = load_run(run.folder.parent, run.parent)
        began_with = run.origin.adapter_sha256 if run.origin else ""
        if content_hash((parent.adapter_dir / "adapter_model.safetensors").read_bytes()) != began_with:
            return None
        answered = load_predictions(parent.predictions_file("tuned"))
    except (RunError, OSError):
        return None
    found = answered.drop_duplicates("row_id").set_index("row_id", drop=False).reindex(rows["row_id"])
    found = found.reset_index(drop=True)
    same = all(found[name].eq(rows[name]).all() for name in ("text", "answers"))
    return found.assign(label=rows["label"], split=rows["split"]) if same else None
