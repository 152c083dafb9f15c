"""Excel and OpenDocument workbooks: the sheet that has texts and labels, or those that are called after splits."""

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from python_calamine import SheetVisibleEnum

from finsent.data.formats.header import (
    TOP_ROWS,
    above_note,
    find_header,
    header_in_words,
    names_both,
    rows_above,
)
from finsent.data.formats.raw import RawTable
from finsent.data.formats.vocabulary import plain
from finsent.data.schema import listed
from finsent.data.splits import SPLIT_COLUMN, split_named
from finsent.errors import DataError, EmptyDataError, EncodingError, first_line
from finsent.limits import BYTES, CELLS, ROWS

#: A cell's place in a sheet's XML, as in r="AB12".
_CELL = re.compile(rb'<(?:\w+:)?c\s[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
#: How often OpenDocument repeats a cell or row.
_REPEATED = re.compile(rb'number-(columns|rows)-repeated="(\d+)"')
_ROW = re.compile(rb"<table:table-row\b")
#: A formula that nothing has computed yet, as programs write it that are no spreadsheets.
_UNCOMPUTED = re.compile(rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f/>)\s*</(?:\w+:)?c>")
_PIECE = 2**22
_OVERLAP = 200


def read_workbook(raw: bytes, name: str) -> RawTable:
    """Return the sheet of a workbook that holds its texts as a table: see :func:`_best_sheet`.

    Where sheets are called train and test (or validation), these are read as one table, and rows keep that split.
    Numbers and dates stay what they are, so that they are never taken for texts.

    Raises:
        EmptyDataError: no sheet has a row.
        EncodingError: it cannot be read.
        TooLargeError: it would unpack to more than :mod:`finsent.limits` allow.
    """
    try:
        check_workbook(raw, name)
        with pd.ExcelFile(io.BytesIO(raw), engine="calamine") as book:
            split = {sheet: said for sheet in _shown_first(book) if (said := split_named(sheet))}
            if "train" in split.values() and len(set(split.values())) > 1:
                sheets = _split_sheets(book, split, name)
            else:
                sheets = [_best_sheet(book, name)]
            notes = tuple(note for sheet, cells in sheets for note in _fill_merged(book, sheet, cells))
            others = [str(sheet) for sheet in book.sheet_names if sheet not in dict(sheets)]
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
    if others:
        read = f"are the sheets {_quoted(dict(sheets))}" if len(sheets) > 1 else f"is the sheet “{sheets[0][0]}”"
        notes = (f"Read {read}; left out are {_quoted(others)}.", *notes)
    if without := formulas_without_value(raw):
        words = f"{without:,} of its formulas have no value stored and are read as blank"
        notes = (f"{words}: open it in a spreadsheet and save it there.", *notes)
    tables = [_table(cells, name, sheet) for sheet, cells in sheets]
    one = _joined(tables, [sheet for sheet, _ in sheets], split, name) if len(tables) > 1 else tables[0]
    return replace(one, notes=(*notes, *one.notes))


def _quoted(sheets: Iterable[str]) -> str:
    return ", ".join(f"“{one}”" for one in sheets)[:200]


def _shown_first(book: pd.ExcelFile) -> list[str]:
    """Return the names of a workbook's sheets, hidden ones last."""
    shown = {one.name: one.visible == SheetVisibleEnum.Visible for one in book.book.sheets_metadata}
    return sorted(map(str, book.sheet_names), key=lambda one: not shown.get(one, True))


def _cells(book: pd.ExcelFile, sheet: str, name: str) -> pd.DataFrame:
    cells = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, keep_default_na=False, na_values=[])
    ROWS.check(len(cells), name)
    CELLS.check(cells.size, name)
    return cells


def _split_sheets(book: pd.ExcelFile, sheets: Iterable[str], name: str) -> list[tuple[str, pd.DataFrame]]:
    """Return the cells of some sheets, which are no larger together than one may be; empty ones are left out."""
    found: list[tuple[str, pd.DataFrame]] = []
    for sheet in sheets:
        cells = _cells(book, sheet, name)
        found += [(sheet, cells)] if len(cells) else []
        ROWS.check(sum(len(one) for _, one in found), name)
        CELLS.check(sum(one.size for _, one in found), name)
    if not found:
        raise EmptyDataError(f"{name} has no rows in any sheet. Give a file with the columns text,label.")
    return found


def _joined(tables: list[RawTable], sheets: list[str], split: dict[str, str], name: str) -> RawTable:
    """Return the tables of several sheets as one, each row with the split that its sheet's name says.

    Raises:
        DataError: two have not the same columns.
    """
    first = tables[0]
    spelt = {plain(column): column for column in first.table.columns}
    parts = []
    for sheet, one in zip(sheets, tables, strict=True):
        renamed = one.table.rename(columns=lambda column: spelt.get(plain(column), column))
        if set(renamed.columns) != set(first.table.columns):
            raise DataError(
                f"{name} cannot be read as one data set: its sheet “{sheet}” has the columns {listed(one.table)}, and "
                f"“{sheets[0]}” has {listed(first.table)}. Give them the same columns, or rename the one that is no "
                "split."
            )
        own = SPLIT_COLUMN in first.table
        parts.append(renamed if own else renamed.assign(**{SPLIT_COLUMN: split[sheet]}))
    starts = np.cumsum([0, *map(len, parts)])
    words = "; ".join(f"{split[sheet]} from “{sheet}”" for sheet in sheets)
    kept = () if SPLIT_COLUMN in first.table else (f"Splits are kept as the sheets' names say: {words}.",)
    return RawTable(
        pd.concat(parts, ignore_index=True),
        name,
        np.concatenate([one.places for one in tables]),
        "row",
        (),
        (*dict.fromkeys(note for one in tables for note in one.notes), *kept),
        {**first.facts, "format": f"a workbook, sheets {_quoted(sheets)}"},
        tuple((int(start), f"{name}, sheet “{sheet}”") for start, sheet in zip(starts, sheets, strict=False)),
    )


def _best_sheet(book: pd.ExcelFile, name: str) -> tuple[str, pd.DataFrame]:
    """Return the first sheet whose first rows name a text and a label, else the first that is not empty.

    Hidden sheets come last.
    """
    found: list[tuple[str, pd.DataFrame]] = []
    for sheet in _shown_first(book):
        cells = _cells(book, sheet, name)
        if len(cells) and names_both([[_in_words(cell) for cell in row] for row in cells.head(TOP_ROWS).to_numpy()]):
            return sheet, cells
        if len(cells) and not found:
            found.append((sheet, cells))
    if not found:
        raise EmptyDataError(f"{name} has no rows in any sheet. Give a file with the columns text,label.")
    return found[0]


def _fill_merged(book: pd.ExcelFile, sheet: str, cells: pd.DataFrame) -> tuple[str, ...]:
    """Write the value of cells that are merged downwards into each of them, and return what to say about it."""
    merged = book.book.get_sheet_by_name(sheet).merged_cell_ranges or []
    filled = 0
    for (top, left), (bottom, _) in merged:
        if bottom > top and bottom < len(cells) and left < cells.shape[1]:
            value: Any = cells.iat[top, left]
            cells.iloc[top + 1 : bottom + 1, left] = value
            filled += bottom - top
    return (f"Cells that are merged over several rows count for each of these, {filled:,} in all.",) if filled else ()


def _table(cells: pd.DataFrame, name: str, sheet: str) -> RawTable:
    values = cells.to_numpy(dtype=object)
    filled = [place for place, row in enumerate(values) if not all(_blank(cell) for cell in row)]
    if not filled:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    head = [[_in_words(cell) for cell in values[place]] for place in filled[:201]]
    above = rows_above(head)
    header = find_header(head[above:])
    body = filled[above + header.given :]
    if not body:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    rows = values[body]
    columns = {
        label: pd.Series([None if _blank(cell) else cell for cell in rows[:, place]], dtype=object)
        for place, label in enumerate(header.names)
    }
    facts = {"format": f"a workbook, sheet “{sheet}”", "header": header_in_words(header, above)}
    every = (*above_note(head[:above]), *header.notes)
    return RawTable(pd.DataFrame(columns), name, np.array(body) + 1, "row", (), every, facts)


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


def formulas_without_value(raw: bytes) -> int:
    """Return how many cells of an .xlsx hold a formula and no value of it."""
    if not raw.startswith(b"PK"):
        return 0
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        sheets = [part for part in parts.infolist() if part.filename.startswith("xl/worksheets/")]
        return sum(len(_UNCOMPUTED.findall(parts.read(part))) for part in sheets)


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
