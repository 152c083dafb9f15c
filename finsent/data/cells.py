"""The cells of a text column as texts: what is none is refused with its reason, and nothing is turned into one."""

import datetime
from typing import Any

import numpy as np
import pandas as pd

from finsent.data.formats.raw import RawTable
from finsent.errors import DataError
from finsent.limits import TEXT

_KINDS: tuple[tuple[Any, str], ...] = (
    (bool | np.bool_, "truth values"),
    (int | float | np.number, "numbers"),
    (datetime.date | datetime.time | datetime.timedelta | np.datetime64 | pd.Timestamp, "dates"),
    (list | tuple | np.ndarray, "lists"),
    (dict, "objects"),
    (bytes, "bytes that are no UTF-8"),
)


def with_texts(raw: RawTable, column: str) -> tuple[RawTable, pd.Series, tuple[str, ...]]:
    """Return the rows of a table whose cell is a text, these texts, and what was done about some of them.

    Refused are rows whose cell is blank, is no text, is longer than :data:`finsent.limits.TEXT` allows, or holds a zero
    byte, half a character (a lone surrogate), or bytes that are not in the file's encoding.

    Raises:
        DataError: no cell is a text, but lists, dates or the like.
    """
    cells = raw.table[column]
    if str(cells.dtype) in ("category", "dictionary"):
        cells = cells.astype(object)
    notes: tuple[str, ...] = ()
    values = cells.tolist()
    if any(isinstance(value, bytes) for value in values):
        values = [_decoded(value) for value in values]
        notes = (f"The column “{column}” holds bytes, which are read as UTF-8.",)
    most = TEXT.value
    reasons = [_fault(value, most) for value in values]
    bad = pd.Series([bool(one) for one in reasons], index=cells.index)
    wrong = [reason for reason in reasons if reason.startswith("the text is no text but")]
    if wrong and len(wrong) == sum(1 for one in reasons if one != "no text"):
        kind = wrong[0].rpartition("but ")[2]
        raise DataError(
            f"{raw.name}: the column “{column}” holds {kind}, not texts. Choose another with --text-column, or write "
            "the texts out."
        )
    texts = pd.Series(values, index=cells.index, dtype=object)[~bad]
    for kind in ("empty", "long", "layout"):
        of_kind = pd.Series([bool(one) and _kind(one) == kind for one in reasons], index=cells.index)
        here = of_kind.reindex(raw.table.index)
        raw = raw.refuse(here, [one for one in reasons if one and _kind(one) == kind], kind)
    return raw, texts, notes


def _kind(reason: str) -> str:
    if reason == "no text":
        return "empty"
    return "long" if reason.startswith("a text of") else "layout"


def _decoded(value: Any) -> Any:
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


def _fault(value: Any, most: int) -> str:
    """Return why a cell is no text that can be used, "" where it is one."""
    if isinstance(value, str):
        if not value.strip():
            return "no text"
        if len(value) > most:
            return f"a text of {len(value):,} characters; the limit is {most:,} ({TEXT.variable} raises it)"
        if "\0" in value:
            return "the text holds a zero byte (NUL)"
        return "" if value.isascii() else broken(value)
    for kinds, words in _KINDS:
        if isinstance(value, kinds) and value is not pd.NaT and not (isinstance(value, float) and value != value):
            return f"the text is no text but {words}"
    return "no text"


def broken(value: str) -> str:
    """Return why a text cannot be written as UTF-8, "" where it can."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        half = value[error.start]
        if "\udc80" <= half <= "\udcff":
            return "the text holds bytes that are no UTF-8"
        return f"the text holds half a character (U+{ord(half):04X}, a lone surrogate)"
    return ""
