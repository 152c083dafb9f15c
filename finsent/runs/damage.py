"""What of a run's folder is there and cannot be used: each file in a sentence, with what to do."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finsent.errors import FinsentError
from finsent.inference.predictions import MODELS, load_predictions
from finsent.runs.annotations import read_annotations
from finsent.runs.curves import damaged_events
from finsent.runs.evaluated_sets import OWN, judged_files, judged_sets
from finsent.runs.history import read_comparison
from finsent.runs.record import Run
from finsent.runs.rows import training_rows_if_kept


def damaged_files(run: Run) -> list[str]:
    """Return a sentence for each file of a run that is there and cannot be used, its record left out."""
    own = [run.predictions_file(model) for model in MODELS]
    others = [file for key in judged_sets(run) if key != OWN for file in judged_files(run, key)]
    readers: list[Callable[[], Any]] = [_reader(file) for file in [*own, *others] if os.path.lexists(file)]
    readers += [lambda: training_rows_if_kept(run), lambda: read_comparison(run), lambda: read_annotations(run)]
    words = [_problem(read) for read in readers]
    return [*filter(None, words), *damaged_events(run)]


def _reader(file: Path) -> Callable[[], Any]:
    return lambda: load_predictions(file)


def _problem(read: Callable[[], Any]) -> str:
    try:
        read()
    except FinsentError as error:
        return str(error)
    return ""
