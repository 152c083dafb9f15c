"""A table as it stands in a file: every row with its place there, and every row that could not be read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from finsent.errors import DataError, EmptyDataError, EncodingError, TooLargeError, UnknownLabelError

#: Characters of a refused row that are kept to show what stands there.
_SHOWN = 200
#: Files of which more rows than this are refused, and more than are read, are not what they were taken for.
_MOST_REFUSED = 1_000
#: What a reason is an example of, so that a caller can tell kinds of faults apart.
_ERRORS: dict[str, type[DataError]] = {
    "layout": EncodingError,
    "label": UnknownLabelError,
    "empty": EmptyDataError,
    "long": TooLargeError,
}


@dataclass(frozen=True)
class RefusedRow:
    """A row that is left out: its file and its place there (a line, or the number of an object), why, and what it says.

    ``kind`` is ``layout`` (it cannot be parsed), ``label``, ``empty`` or ``long``; ``said`` is what several rows are
    counted by where their reasons are the same but for a detail.
    """

    file: str
    unit: str
    place: int
    reason: str
    content: str
    kind: str = "layout"
    said: str = ""

    @property
    def where(self) -> str:
        """The place in words, for example ``line 12``."""
        return f"{self.unit} {self.place:,}"


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was read, before anybody says which column is what.

    ``table`` has a RangeIndex and unique column names; ``places`` has for each of its index values the line, or the
    number of the object, that it begins on. ``parts`` names the files of a folder, each with the index value that it
    begins at. ``facts`` say how it was read, and ``notes`` are sentences about what was decided or left out.
    """

    table: pd.DataFrame
    name: str
    places: np.ndarray
    unit: str = "row"
    refused: tuple[RefusedRow, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[tuple[int, str], ...] = ()

    @property
    def total(self) -> int:
        """Rows of the file, read or refused."""
        return len(self.table) + len(self.refused)

    def refuse(
        self, bad: pd.Series, reasons: Iterable[str], kind: str, said: Iterable[str] | None = None
    ) -> "RawTable":
        """Return the table without some rows; ``bad`` marks them, and ``reasons`` has one for each of them."""
        rows = self.table[bad]
        if rows.empty:
            return self
        reasons = list(reasons)
        counted = list(said) if said is not None else reasons
        refused = [
            RefusedRow(self._file(index), self.unit, int(self.places[index]), reason, _content(row), kind, group)
            for index, reason, group, row in zip(
                rows.index, reasons, counted, rows.itertuples(index=False, name=None), strict=True
            )
        ]
        return replace(self, table=self.table[~bad], refused=(*self.refused, *refused))

    def _file(self, index: int) -> str:
        names = [name for start, name in self.parts if start <= index]
        return names[-1] if names else self.name


def _content(row: Sequence[object]) -> str:
    return printable(" | ".join("" if value is None else str(value)[:_SHOWN] for value in row))


def printable(text: str) -> str:
    """Return the beginning of a text as a list of refused rows can show it, halves of characters as question marks."""
    return text[:_SHOWN].encode("utf-8", "replace").decode("utf-8")


def on_one_line(name: str) -> str:
    """Return a file's name as messages call it: what cannot be printed, line ends among it, as question marks."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def check_refused(refused: Sequence[RefusedRow], read: int, name: str) -> None:
    """Stop where more rows are refused than a list of them could help with.

    Raises:
        EncodingError: the file is not what it was taken for.
    """
    if len(refused) > max(_MOST_REFUSED, read):
        raise EncodingError(
            f"{name} does not read as the table it was taken for: {len(refused):,} of {len(refused) + read:,} rows are "
            f"refused, the first is {refused[0].where}: {refused[0].reason}. Save it again as CSV or JSON lines."
        )


def refused_table(refused: Sequence[RefusedRow]) -> pd.DataFrame:
    """Return the refused rows as a table: file, place, reason, content."""
    rows = [(one.file, one.unit, one.place, one.reason, one.content) for one in refused]
    return pd.DataFrame(rows, columns=["file", "unit", "place", "reason", "content"])


def refused_in_words(refused: Sequence[RefusedRow], most: int = 6) -> str:
    """Return what is refused as a part of a sentence: each reason with its count and the first places."""
    counts = Counter(one.said or one.reason for one in refused)
    parts = []
    for said, count in counts.most_common(most):
        places = [one for one in refused if (one.said or one.reason) == said][:3]
        unit = places[0].unit + ("s" if len(places) > 1 else "")
        more = " …" if count > len(places) else ""
        parts.append(f"{said} ({count:,}: {unit} {', '.join(f'{one.place:,}' for one in places)}{more})")
    if len(counts) > most:
        parts.append(f"{len(counts) - most} other reasons")
    return "; ".join(parts)


def refusal(
    name: str, refused: Sequence[RefusedRow], read: int, may_leave_out: bool = True, notes: Sequence[str] = ()
) -> DataError:
    """Return the error that says that rows are refused, how many, why, and what can be done.

    Where all are, ``notes`` about how they were read are a part of it: there the cause may lie.
    """
    total = read + len(refused)
    rest = " ".join(["Mend the file.", *notes])
    if read and may_leave_out:
        rest = (
            "Mend the file, or leave them out with --leave-out (Dataset: “Leave them out”); "
            f"{read:,} {'row remains' if read == 1 else 'rows remain'}."
        )
    return _ERRORS[refused[0].kind](
        f"{name}: {len(refused):,} of {total:,} rows are refused: {refused_in_words(refused)}. {rest}"
    )
