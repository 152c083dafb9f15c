"""Texts without labels, from a file of any kind that data may have."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from finsent.data.cells import with_texts
from finsent.data.formats.raw import RawTable, refusal
from finsent.data.reading import read_table
from finsent.data.schema import TextColumn, find_text_column, refuse_empty
from finsent.errors import SourceNotFoundError
from finsent.files import typed_path


@dataclass(frozen=True)
class Texts:
    """The texts of a file, in its order, the column that they come from, and all others, a row a text."""

    texts: tuple[str, ...]
    column: TextColumn
    others: pd.DataFrame


def read_text_file(path: str | Path) -> pd.DataFrame:
    """Return a file that somebody typed the path of, as a table.

    Raises:
        DataError: there is no such file, or it cannot be read (see :func:`finsent.data.reading.read_table`).
    """
    file = typed_path(path, SourceNotFoundError, "file", "Give a file of headlines.")
    if not file.is_file():
        raise SourceNotFoundError(f"There is no file {path}.")
    return read_table(file)


def read_text_upload(content: bytes, name: str) -> pd.DataFrame:
    """Return the content of a file as a table; ``name`` gives its kind. Raises as :func:`read_text_file`."""
    return read_table(io.BytesIO(content), Path(name).name)


def texts_of(table: pd.DataFrame, name: str, advice: str, column: str | None = None) -> Texts:
    """Return the texts of a table: of the column chosen, or of the one that :func:`find_text_column` finds.

    ``name`` is what messages call the table, and ``advice`` a whole sentence that says how to choose a column.

    Raises:
        MissingColumnError: there is no such column, or it is not clear which it is.
        EmptyDataError: a text is empty; its row is named.
        DataError: a cell is no text, or too long; its row is named.
    """
    found = find_text_column(table, name, advice, column)
    rows = RawTable(table.reset_index(drop=True), name, np.arange(1, len(table) + 1))
    rows, texts, _ = with_texts(rows, found.name)
    if any(one.kind != "empty" for one in rows.refused):
        raise refusal(name, rows.refused, len(texts), may_leave_out=False)
    refuse_empty(table, [found.name], name)
    return Texts(tuple(texts), found, table.drop(columns=found.name).reset_index(drop=True))
