"""Tables as CSV files that no spreadsheet runs."""

import csv
import unicodedata
from typing import Any

import pandas as pd

#: What a spreadsheet may take for the beginning of a formula, as NFKC writes it (OWASP, "CSV Injection").
_FORMULA = frozenset("=+-@|%\u2212")
#: Letters, as Unicode has it, that nobody sees: the Hangul fillers and the empty Braille cell.
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def export_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV (UTF-8 with a mark, so that spreadsheets read it), safe against formula injection.

    A text or column name that a spreadsheet would run as a formula gets an apostrophe in front, and texts are
    quoted, so that none can begin a cell of its own (OWASP, "CSV Injection"). Numbers stay as they are.
    """
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].astype(object).map(_as_text, na_action="ignore")
    safe.columns = pd.Index([_as_text(str(name)) for name in safe])
    return safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode("utf-8-sig")


def _as_text(value: Any) -> Any:
    """Return a value with an apostrophe in front if it is text that a spreadsheet would run."""
    return f"'{value}" if isinstance(value, str) and _is_formula(value) else value


def _is_formula(text: str) -> bool:
    """Whether a text begins a formula: the first mark of it that can be seen is one, in whatever width."""
    if text[:1] in ("\t", "\r", "\n"):
        return True
    seen = (mark for mark in text if unicodedata.category(mark)[0] not in "CMZ" and mark not in _UNSEEN)
    return unicodedata.normalize("NFKC", next(seen, "")) in _FORMULA
