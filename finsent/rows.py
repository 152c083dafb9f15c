"""The rows that a run trains, watches and judges on, drawn from its source by its recipe."""

from dataclasses import dataclass

import pandas as pd

from finsent.datasets import SentimentData, load_data, sample_rows, split_rows
from finsent.errors import RunChangedError
from finsent.recipes import Recipe
from finsent.record import Run


@dataclass(frozen=True)
class RunRows:
    """The three splits of a run as data tables, and the source they come from."""

    data: SentimentData
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """Rows in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    @property
    def judged(self) -> pd.DataFrame:
        """Validation and test rows, which both models are scored on; figures are of the test rows alone."""
        return pd.concat([self.validation, self.test], ignore_index=True)


def draw_rows(recipe: Recipe) -> RunRows:
    """Load a recipe's source, split it, and draw as many rows of each split as the recipe asks for.

    Rows are drawn after the split, so that the test split is the same however many rows are trained on.

    Raises:
        DataError, HubUnreachableError: the source cannot be used; see :func:`finsent.datasets.load_data`.
    """
    data = load_data(recipe.source)
    rows = split_rows(data.rows, recipe.split_seed)
    wanted = {"train": recipe.rows, "validation": recipe.validation_rows, "test": recipe.test_rows}
    parts = {}
    for split, count in wanted.items():
        part = rows[rows["split"] == split].reset_index(drop=True)
        parts[split] = part if count is None else sample_rows(part, count, recipe.split_seed)
    return RunRows(data=data, **parts)


def rows_of_run(run: Run) -> RunRows:
    """Draw the rows of a run: if it has begun, the same as then.

    Raises:
        RunChangedError: the source's rows have changed since the run began, so that rows it was trained on could now
            be among those that judge it.
        DataError, HubUnreachableError: as :func:`draw_rows`.
    """
    rows = draw_rows(run.recipe)
    if run.source_hash and run.source_hash != rows.data.fingerprint:
        raise RunChangedError(
            f"The data of run {run.id} ({rows.data.title}) have changed since it began, so that other rows would train "
            "and judge it. Put the file back as it was, or launch a new run: duplicate this one."
        )
    return rows
