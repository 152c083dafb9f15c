"""A recipe's data, read once: the table, its split with the rows that the recipe draws, what the checks find."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from finsent.data.checks import Finding, find_issues
from finsent.data.choices import choices_of
from finsent.data.dataset import SentimentData, load_data, sample_rows, split_rows
from finsent.data.splits import GROUPED
from finsent.recipe import SOURCE_CHOICES, Recipe

#: The settings of a recipe that decide what is prepared.
DRAWING = frozenset({"source", "rows", "validation_rows", "test_rows", "split", "split_seed", *SOURCE_CHOICES})


@dataclass(frozen=True, eq=False)
class Prepared:
    """The data of a recipe as everything takes them that launches, estimates, trains or judges by it.

    ``data`` is the source as it was read, ``rows`` its whole table with the column ``split``; ``train``,
    ``validation`` and ``test`` are the rows drawn from it, numbered from 0.
    """

    data: SentimentData
    rows: pd.DataFrame
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame

    @property
    def title(self) -> str:
        """What people call the source."""
        return self.data.title

    @property
    def source_hash(self) -> str:
        """The SHA-256 (hex) of the source's whole table, drawn or not."""
        return self.data.fingerprint

    @property
    def counts(self) -> dict[str, int]:
        """Rows drawn of each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    @property
    def judged(self) -> pd.DataFrame:
        """Validation and test rows, which both models are scored on; figures are of the test rows alone."""
        return pd.concat([self.validation, self.test], ignore_index=True)

    @cached_property
    def findings(self) -> list[Finding]:
        """What the checks find in the whole table; looked for when first asked, since they read every text."""
        return find_issues(self.rows)


def prepare(recipe: Recipe) -> Prepared:
    """Read a recipe's source and draw its rows: the one place where a run's data are read.

    Raises:
        DataError, HubUnreachableError: the source cannot be used; see :func:`finsent.data.dataset.load_data`.
    """
    return draw(recipe, load_data(recipe.source, choices_of(recipe)))


def draw(recipe: Recipe, data: SentimentData) -> Prepared:
    """Split the data that a recipe names, and draw as many rows of each split as it asks for.

    Rows are drawn after the split, so that the test split is the same however many rows are trained on.

    Raises:
        EmptyDataError: there are too few rows to split.
    """
    rows = split_rows(data.rows, recipe.split_seed, grouped=recipe.split == GROUPED)
    wanted = {"train": recipe.rows, "validation": recipe.validation_rows, "test": recipe.test_rows}
    parts = {}
    for split, count in wanted.items():
        part = rows[rows["split"] == split].reset_index(drop=True)
        parts[split] = part if count is None else sample_rows(part, count, recipe.split_seed)
    return Prepared(data=data, rows=rows, **parts)
