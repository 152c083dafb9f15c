"""What only a person can say about a file, asked with what they need to answer it."""

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from finsent.data.choices import Choices

#: Texts that stand beside a value as evidence of what it means, and rows shown before anything is used.
EVIDENCE, SHOWN_ROWS = 3, 10


@dataclass(frozen=True)
class Value:
    """A value of the label column: how often it occurs, texts that have it, and the label that is proposed, or ""."""

    value: str
    n: int
    texts: tuple[str, ...]
    proposed: str = ""


@dataclass(frozen=True, eq=False)
class Question:
    """One question: which part of a data set is meant, which column has the texts or the labels, what values mean, or
    where scores are to be cut.

    ``columns`` are what there is to choose from. ``chosen`` holds the choices that are settled by now. ``low`` and
    ``high`` are the least and the greatest score. ``first`` has the first rows as they stand in the file, or the parts
    with their sizes.
    """

    kind: Literal["configuration", "source_split", "text_column", "label_column", "labels", "thresholds"]
    sentence: str
    first: pd.DataFrame
    chosen: Choices
    columns: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    proposed: dict[str, str] = field(default_factory=dict)
