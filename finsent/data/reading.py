"""Reading files as tables: one file of any kind that data may have, or every file of a folder.

Bytes become text (:mod:`finsent.data.formats.decoding`), text a table whose rows know where they stand, with the rows
beside it that could not be read (:class:`finsent.data.formats.raw.RawTable`). Which columns are which, and what labels
mean, is decided after that, in :mod:`finsent.data.columns` and :mod:`finsent.data.labelling`.
"""

import io
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import pandas as pd

from finsent.data.formats.decoding import decode
from finsent.data.formats.delimited import read_separated
from finsent.data.formats.json_rows import read_json_rows
from finsent.data.formats.kinds import SUFFIXES, find_kind
from finsent.data.formats.packed import unpack_gzip, unpack_zip
from finsent.data.formats.parquet_table import read_arrow_table, read_parquet_table
from finsent.data.formats.raw import RawTable, RefusedRow, on_one_line, printable, refusal
from finsent.data.formats.workbooks import read_workbook
from finsent.errors import DataError, EmptyDataError, EncodingError, SourceNotFoundError, first_line
from finsent.limits import BYTES, COLUMNS, check_bytes, check_delimited, check_json

#: Kinds of file that are read, by suffix.
READERS = SUFFIXES
#: Packed files may hold a packed file, and that no other.
_DEEPEST = 2


@dataclass(frozen=True, eq=False)
class Reading:
    """A table with known columns, rows that are left out of it, and sentences about what was decided on the way."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    total: int | None = None
    columns: tuple[str, ...] = ()


def read_table(file: Path | io.BytesIO, name: str | None = None) -> pd.DataFrame:
    """Return a file as a table, all columns as they stand.

    Raises:
        DataError: see :func:`read_raw`; or some of its rows cannot be read.
    """
    raw = read_raw(file, name)
    if raw.refused:
        raise refusal(raw.name, raw.refused, len(raw.table))
    return raw.table


def read_raw(file: Path | io.BytesIO, name: str | None = None) -> RawTable:
    """Return a file of any kind in :data:`READERS` as a table, with the rows of it that cannot be read.

    ``name`` is what messages call it, and what it says of itself; a path's own name where it is not given. What a file
    holds goes before what it is called.

    Raises:
        DataError: it is of another kind, empty, not to be parsed, or larger than :mod:`finsent.limits` allow.
    """
    name = on_one_line(name or str(file))
    try:
        content = _content(file, name)
        raw = _read(content, name, name)
    except OSError as error:
        raise SourceNotFoundError(f"{name} cannot be opened ({error.strerror or first_line(error)}).") from error
    COLUMNS.check(len(raw.table.columns), name)
    raw = replace(raw, table=raw.table.rename(columns=printable))
    if raw.table.empty and not raw.refused:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    return raw


def _content(file: Path | io.BytesIO, name: str) -> bytes:
    if not isinstance(file, Path):
        raw = file.getvalue()
        BYTES.check(len(raw), name)
        return raw
    check_bytes(file)
    before = file.stat()
    raw = file.read_bytes()
    after = file.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(raw) != after.st_size:
        raise DataError(f"{name} was written to while it was read. Try again once that has ended.")
    return raw


def _read(content: bytes, path: str, name: str, depth: int = 0) -> RawTable:
    """Read content; ``path`` says what it calls itself, and ``name`` is what messages call it."""
    suffix = PurePath(path).suffix.lower()
    if not content.strip():
        raise EmptyDataError(f"{name} is empty. Give a file with the columns text,label.")
    kind = find_kind(content, name, suffix)
    if kind.what in ("gzip", "zip"):
        if depth == _DEEPEST:
            raise DataError(f"{name} is packed more than {_DEEPEST} times over. Unpack it.")
        return _packed(content, path, name, kind.what, depth)
    raw = _table(content, kind.what, name, suffix)
    return replace(raw, notes=(kind.note, *raw.notes)) if kind.note else raw


def _packed(content: bytes, path: str, name: str, what: str, depth: int) -> RawTable:
    if what == "gzip":
        inner = PurePath(path).stem if path.lower().endswith(".gz") else path
        return _read(unpack_gzip(content, name), inner, name, depth + 1)
    inner, unpacked, others = unpack_zip(content, name)
    raw = _read(unpacked, inner, name, depth + 1)
    left = f", left out are {', '.join(others)[:200]}" if others else ""
    return replace(raw, notes=(f"Read is {inner} in the archive{left}.", *raw.notes))


def _table(content: bytes, what: str, name: str, suffix: str) -> RawTable:
    if what in ("parquet", "arrow"):
        try:
            return read_parquet_table(content, name) if what == "parquet" else read_arrow_table(content, name)
        except (ValueError, TypeError, LookupError, NotImplementedError, OSError) as error:
            raise EncodingError(
                f"{name} cannot be read as {what} ({first_line(error)}). Write it again, or give CSV or JSON lines."
            ) from error
    if what == "workbook":
        return read_workbook(content, name)
    decoded = decode(content, name)
    if not decoded.text.strip("\ufeff \t\r\n\0"):
        raise EmptyDataError(f"{name} is empty. Give a file with the columns text,label.")
    plain = content if decoded.usual else decoded.text.encode("utf-8", "surrogatepass")
    if what == "json":
        check_json(plain, name)
        raw = read_json_rows(decoded.text.lstrip("\ufeff"), name)
    else:
        check_delimited(plain, name)
        raw = read_separated(decoded.text, name, suffix)
    note = () if decoded.usual else (f"It is read as {decoded.encoding}: see that its special letters are right.",)
    return replace(raw, facts={**raw.facts, "encoding": decoded.encoding}, notes=(*note, *raw.notes))
