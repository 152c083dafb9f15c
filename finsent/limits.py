"""How large a file may be before anything of it is read: what it says of itself is checked, not what it becomes.

Each limit is far above what a data set here has, and an environment variable raises it. A file of a few hundred bytes
can unpack to gigabytes, and text can nest so deeply that reading it ends the process.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finsent.errors import TooLargeError, UsageError


@dataclass(frozen=True)
class Limit:
    """A limit: the environment variable that raises it, its usual value, and what it counts."""

    variable: str
    usual: int
    what: str

    @property
    def value(self) -> int:
        """The limit that holds now.

        Raises:
            UsageError: the variable holds what is no number from 1 on.
        """
        given = os.environ.get(self.variable, "")
        if not given:
            return self.usual
        if not given.isascii() or not given.isdigit() or int(given) < 1:
            raise UsageError(f"{self.variable} must be a number from 1 on, not “{given[:40]}”.")
        return int(given)

    def check(self, count: int, name: str) -> None:
        """Refuse a file that has more than the limit.

        Raises:
            TooLargeError: it has; the message says how to raise the limit.
        """
        if count > self.value:
            raise TooLargeError(
                f"{name} has {count:,} {self.what}, and the limit is {self.value:,}. If it is a file that you trust, "
                f"raise the limit with {self.variable}."
            )


ROWS = Limit("FINSENT_MAX_ROWS", 2_000_000, "rows")
CELLS = Limit("FINSENT_MAX_CELLS", 30_000_000, "cells")
BYTES = Limit("FINSENT_MAX_BYTES", 2**30, "bytes once unpacked")
NESTING = Limit("FINSENT_MAX_NESTING", 32, "levels of nesting")
COLUMNS = Limit("FINSENT_MAX_COLUMNS", 2_000, "columns")
TEXT = Limit("FINSENT_MAX_TEXT", 100_000, "characters in one text")

# A string that nobody closes goes on to the end, so that each character is looked at once.
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_PIECE_BYTES = 2**22


def check_bytes(file: Path) -> None:
    """Refuse a file that is too large to be read; raises TooLargeError, and OSError where it cannot be looked at."""
    BYTES.check(file.stat().st_size, str(file))


def check_delimited(raw: bytes, name: str) -> None:
    """Refuse text with too many lines or too many cells for a table, delimiters counted wherever they stand.

    Raises:
        TooLargeError: it is too large.
    """
    BYTES.check(len(raw), name)
    lines = raw.count(b"\n") + raw.count(b"\r")
    ROWS.check(lines, name)
    CELLS.check(lines + max(raw.count(mark) for mark in (b",", b";", b"\t", b"|")), name)


def check_json(raw: bytes, name: str) -> None:
    """Refuse JSON, or lines of it, that is too long, has too many values, or nests too deeply.

    Raises:
        TooLargeError: it is too large or too deep.
    """

    BYTES.check(len(raw), name)
    bare = np.frombuffer(_STRINGS.sub(b"", raw), dtype=np.uint8)
    CELLS.check(int(np.isin(bare, tuple(b",:[{\n")).sum()), name)
    depth = deepest = 0
    for start in range(0, len(bare), _PIECE_BYTES):
        piece = bare[start : start + _PIECE_BYTES]
        steps = np.isin(piece, tuple(b"[{")).astype(np.int32) - np.isin(piece, tuple(b"]}"))
        path = depth + np.cumsum(steps)
        depth, deepest = int(path[-1]), max(deepest, int(path.max()))
    NESTING.check(deepest, name)
