"""Excel and OpenDocument workbooks: the first sheet that has something in it, the others named."""

import io
import re
import zipfile
from typing import Any

import numpy as np
import pandas as pd

from finsent.data.formats.header import find_header
from finsent.data.formats.raw import RawTable
from finsent.errors import DataError, EmptyDataError, EncodingError, first_line
from finsent.limits import BYTES, CELLS, ROWS

#: A cell's place in a sheet's XML, as in r="AB12".
_CELL = re.compile(rb'<(?:\w+:)?c\s[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
#: How often OpenDocument repeats a cell or row.
_REPEATED = re.compile(rb'number-(columns|rows)-repeated="(\d+)"')
_ROW = re.compile(rb"<table:table-row\b")
_PIECE = 2**22
_OVERLAP = 200


def read_workbook(raw: bytes, name: str) -> RawTable:
    """Return the first sheet of a workbook that is not empty, as a table.

    Numbers and dates stay what they are, so that they are never taken for texts.

    Raises:
        EmptyDataError: no sheet has a row.
        EncodingError: it cannot be read.
        TooLargeError: it would unpack to more than :mod:`finsent.limits` allow.
    """
    try:
        check_workbook(raw, name)
        with pd.ExcelFile(io.BytesIO(raw), engine="calamine") as book:
            sheets = [str(sheet) for sheet in book.sheet_names]
            chosen, cells = _first_sheet(book, sheets, name)
    except DataError:
        raise
    except Exception as error:
        # The reader and what it stands on have errors of their own for each kind of damage.
        raise EncodingError(
            f"{name} cannot be read as a workbook ({first_line(error)}). Save it again as .xlsx."
        ) from error
    except BaseException as error:
        # The reader is written in Rust, and what it panics about comes as no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise EncodingError(f"{name} cannot be read as a workbook: it is damaged. Save it again as .xlsx.") from error
    return _table(cells, name, chosen, [sheet for sheet in sheets if sheet != chosen])


def _first_sheet(book: pd.ExcelFile, sheets: list[str], name: str) -> tuple[str, pd.DataFrame]:
    for sheet in sheets:
        cells = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, keep_default_na=False, na_values=[])
        ROWS.check(len(cells), name)
        CELLS.check(cells.size, name)
        if len(cells):
            return sheet, cells
    raise EmptyDataError(f"{name} has no rows in any sheet. Give a file with the columns text,label.")


def _table(cells: pd.DataFrame, name: str, sheet: str, others: list[str]) -> RawTable:
    values = cells.to_numpy(dtype=object)
    filled = [place for place, row in enumerate(values) if not all(_blank(cell) for cell in row)]
    if not filled:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    head = [[_in_words(cell) for cell in values[place]] for place in filled[:201]]
    header = find_header(head)
    body = filled[1:] if header.given else filled
    if not body:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    rows = values[body]
    columns = {
        label: pd.Series([None if _blank(cell) else cell for cell in rows[:, place]], dtype=object)
        for place, label in enumerate(header.names)
    }
    table = pd.DataFrame(columns)
    notes = list(header.notes)
    if others:
        notes.append(f"Read is the sheet “{sheet}”; left out are {', '.join(f'“{one}”' for one in others)[:200]}.")
    facts = {"format": f"a workbook, sheet “{sheet}”", "header": "its first row" if header.given else "none"}
    return RawTable(table, name, np.array(body) + 1, "row", (), tuple(notes), facts)


def _blank(cell: Any) -> bool:
    return cell is None or cell is pd.NaT or bool(cell == "") or bool(cell != cell)


def _in_words(cell: Any) -> str:
    return "" if _blank(cell) else str(cell)


def check_workbook(raw: bytes, name: str) -> None:
    """Refuse a workbook that unpacks to far more than it is: bytes as they are unpacked, and the cells that it spans.

    Raises:
        TooLargeError: it is too large.
        EncodingError: its parts cannot be unpacked, or it is encrypted.
    """
    if not raw.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        BYTES.check(sum(part.file_size for part in parts.infolist()), name)
        for part in parts.infolist():
            if part.flag_bits & 1:
                raise EncodingError(f"{name} is encrypted. Save it without a password.")
            if part.filename.startswith("xl/worksheets/"):
                _check_sheet(parts, part, name)
            elif part.filename == "content.xml":
                _check_content(parts, part, name)


def _check_sheet(parts: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> None:
    columns = rows = 0
    for piece in _pieces(parts, part, name):
        for letters, number in set(_CELL.findall(piece)):
            place = 0
            for letter in letters:
                place = place * 26 + letter - 64
            columns, rows = max(columns, place), max(rows, int(number))
    ROWS.check(rows, name)
    CELLS.check(columns * rows, name)


def _check_content(parts: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> None:
    # The last cell and the last row of a sheet are repeated to its edge, and read as nothing where they are empty.
    edge = {b"columns": 16_384, b"rows": 1_048_576}
    columns, rows = 1, 0
    for piece in _pieces(parts, part, name):
        rows += len(_ROW.findall(piece))
        for which, count in _REPEATED.findall(piece):
            number = int(count[:9])
            if which == b"columns" and number < edge[which] - 1_024:
                columns = max(columns, number)
            elif which == b"rows" and number < edge[which] - 100_000:
                rows += number
    ROWS.check(rows, name)
    CELLS.check(columns * rows, name)


def _pieces(parts: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> Any:
    """Yield a part piece by piece, each with the end of the one before, and no more than the limit in all."""
    read = 0
    tail = b""
    with parts.open(part) as content:
        while piece := content.read(_PIECE):
            read += len(piece)
            BYTES.check(read, name)
            yield tail + piece
            tail = piece[-_OVERLAP:]
