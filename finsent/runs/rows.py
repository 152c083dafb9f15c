"""The rows of a run: those it trains, watches and judges on, the same whenever they are read, and those it kept."""

import os

import pandas as pd

from finsent.data.prepared import Prepared, prepare
from finsent.errors import RunChangedError
from finsent.inference.predictions import load_trained
from finsent.runs.beginning import with_origin
from finsent.runs.record import Run


def prepare_again(run: Run) -> Prepared:
    """Prepare a run's recipe: if the run has begun, with the same rows as then.

    Raises:
        DamagedFileError: what it began with besides its recipe is gone, or is not what it was.
        RunChangedError: the source's rows have changed since the run began, so that rows it was trained on could now
            be among those that judge it.
        DataError, HubUnreachableError: as :func:`finsent.data.prepared.prepare`.
    """
    prepared = prepare(run.recipe)
    if run.source_hash and run.source_hash != prepared.source_hash:
        raise RunChangedError(
            f"The data of run {run.id} ({prepared.title}) have changed since it began, so that other rows would train "
            "and judge it. Put the file back as it was, or launch a new run: duplicate this one."
        )
    return with_origin(prepared, run.origin, run.folder)


def training_rows(run: Run) -> pd.DataFrame:
    """Return the rows that a run was trained on, as it kept them: ``row_id, text, label, answers``.

    Raises:
        RunError: they were not saved or cannot be read.
    """
    return load_trained(run.predictions_file("training_rows"))


def training_rows_if_kept(run: Run) -> pd.DataFrame | None:
    """Return :func:`training_rows`, or None of a run that did not keep them."""
    return training_rows(run) if os.path.lexists(run.predictions_file("training_rows")) else None


def runs_on(runs: list[Run], source: str) -> list[Run]:
    """Return the runs, of some, that read a source: a path as their recipes have it."""
    return [run for run in runs if run.recipe.source == source]
