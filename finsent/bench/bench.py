"""What the parts of the benchmark share: the rows, and the model that finsent trained on them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finsent.data.dataset import load_data, sample_rows

if TYPE_CHECKING:
    from finsent.bench.sides import PackedSide, Pair

#: How many times the rows of one turn a turn has whose time a row is compared with it.
GROWTH = (1, 4, 16)
#: A turn of the scoring growth has so many times the rows of another turn, since few rows do not fill a forward pass.
SCORED_TIMES = 8


@dataclass
class Bench:
    """A model, its data, ``pairs`` of turns with ``rows`` rows each, an empty folder to work in, and its threads."""

    model: str
    source: str
    pairs: int
    rows: int
    folder: Path
    threads: int

    @cached_property
    def table(self) -> pd.DataFrame:
        """Rows enough for the longest turn of any part.

        Raises:
            DataError: the data cannot be used.
        """
        return sample_rows(load_data(self.source).rows, self.rows * SCORED_TIMES * GROWTH[-1], seed=0)

    @cached_property
    def some(self) -> pd.DataFrame:
        """The rows of one turn."""
        return sample_rows(self.table, self.rows, seed=0)

    @cached_property
    def side(self) -> "PackedSide":
        """finsent's training on the rows of one turn."""
        from finsent.bench.sides import packed_side

        return packed_side(self.model, self.some, 8, self.folder / "finsent")

    @cached_property
    def tuned(self) -> "Pair":
        """The model and the tokenizer after a turn so long that the model has learnt to stop after its label."""
        self.side.run_on(self.table.head(self.rows * GROWTH[-1]))
        return self.side.model, self.side.tokenizer
