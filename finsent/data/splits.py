"""The split that a source itself gives its rows: by a file's name, a list in a file, a value of a column."""

import re
from pathlib import PurePath

import numpy as np
import pandas as pd

from finsent.data.schema import GIVEN_SPLIT
from finsent.data.twins import twin_groups
from finsent.errors import EmptyDataError

SPLITS = ("train", "validation", "test")
#: How the note about splits begins that a source gives itself.
GIVEN = "Its own splits are kept"

#: The recipe's name of a split that keeps twins together.
GROUPED = "grouped"
#: The column that holds the split which a source itself gives its rows.
SPLIT_COLUMN = "split"
_WORDS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "heldout": "test",
}
_BETWEEN = re.compile(r"[^a-z]+")


def split_named(name: str) -> str:
    """Return the split that a name says, for example of ``test`` or ``val``; "" where it says none or several."""
    found = {_WORDS[word] for word in _BETWEEN.split(name.strip().lower()) if word in _WORDS}
    return found.pop() if len(found) == 1 else ""


def split_of_path(path: PurePath) -> str:
    """Return the split that a file's name says, or else the name of the folder that it lies in."""
    stem = path.name.partition(".")[0]
    return split_named(stem) or (split_named(path.parts[-2]) if len(path.parts) > 1 else "")


def given_splits(table: pd.DataFrame) -> pd.Series | None:
    """Return the split of each row by the table's own column, or None where it has none that says one of each row."""
    if SPLIT_COLUMN not in table:
        return None
    said = table[SPLIT_COLUMN].map({value: split_named(str(value)) for value in table[SPLIT_COLUMN].unique()})
    return said if said.isin(SPLITS).all() and said.eq("train").any() and said.ne("train").any() else None


def complete_split(given: pd.Series, seed: int) -> pd.Series:
    """Return given splits with what they lack: a tenth of all rows, drawn from the training rows with ``seed``."""
    split = given.copy()
    for absent in ("test", "validation"):
        if not given.eq(absent).any():
            training = np.flatnonzero(split.eq("train"))
            drawn = np.random.default_rng(seed).permutation(training)[: max(1, len(given) // 10)]
            split.iloc[drawn] = absent
    return split


def split_notes(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return what to say about the splits that a source gives, with their rows; nothing where it gives none."""
    if GIVEN_SPLIT not in rows:
        return ()
    counts = rows[GIVEN_SPLIT].value_counts()
    words = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS if split in counts)
    absent = [split for split in ("validation", "test") if split not in counts]
    drawn = f"; {' and '.join(absent)} rows are drawn from train" if absent else ""
    return (f"{GIVEN}: {words}{drawn}.",)


def grouped_split(rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Return a split of about 80, 10 and 10 % of the groups of twins, each of which is on one side as a whole.

    What twins are, says :mod:`finsent.data.twins`.

    Raises:
        EmptyDataError: there are fewer than three groups.
    """
    from sklearn.model_selection import GroupShuffleSplit

    groups = twin_groups(rows)
    count = len(np.unique(groups))
    if count < len(SPLITS):
        raise EmptyDataError(
            f"Nearly all {len(rows):,} texts are twins of one another: of {count} different ones no three splits can "
            "be made that share none. Split them by rows, or give other texts."
        )
    places = np.arange(len(rows))
    split = np.full(len(rows), "train", dtype=object)
    some = max(len(SPLITS) - 1, round(0.2 * count))
    _, held_out = next(GroupShuffleSplit(1, test_size=some, random_state=seed).split(places, groups=groups))
    halves = GroupShuffleSplit(1, test_size=0.5, random_state=seed).split(held_out, groups=groups[held_out])
    test, validation = next(halves)
    split[held_out[test]], split[held_out[validation]] = "test", "validation"
    return split
