"""Parquet and Arrow files as tables: checked before they are read, an index of pandas' brought back as columns."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.data.arrow_ipc import read_arrow
from finsent.data.formats.raw import RawTable
from finsent.data.parquet import read_checked
from finsent.errors import EncodingError

if TYPE_CHECKING:
    import pyarrow as pa


def read_arrow_table(raw: bytes, name: str) -> RawTable:
    """Return an Arrow file or stream as a table; raises as :func:`finsent.data.arrow_ipc.read_arrow` and below."""
    table = read_arrow(raw, name)
    _check_names(table.schema, name)
    return _as_raw(table, table.schema.metadata, name, "Arrow")


def read_parquet_table(raw: bytes, name: str) -> RawTable:
    """Return a parquet file as a table; ``facts`` say what it is.

    Raises:
        EncodingError: two of its columns have one name.
        TooLargeError: see :func:`finsent.data.parquet.read_checked`.
        OSError, ValueError: it cannot be read.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    # Its content, since pandas and pyarrow find meanings in paths: "~", "s3://", "year=2024".
    content = pa.BufferReader(raw)
    with ParquetFile(content) as parquet:
        _check_names(parquet.schema_arrow, name)
        metadata = parquet.schema_arrow.metadata
    return _as_raw(read_checked(content, name), metadata, name, "Parquet")


def _check_names(schema: "pa.Schema", name: str) -> None:
    twice = [column for column, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise EncodingError(f"{name} has several columns called “{twice[0]}”. Rename all but one of them.")


def _as_raw(arrow: "pa.Table", metadata: dict[bytes, bytes] | None, name: str, kind: str) -> RawTable:
    named = _named_values(metadata or {})
    # Each column of Arrow's is given up once pandas has it: a large file is held once and not twice.
    table = arrow.to_pandas(self_destruct=True, split_blocks=True)
    notes: tuple[str, ...] = ()
    if any(level is not None for level in table.index.names):
        levels = ", ".join(f"“{level}”" for level in table.index.names)
        notes = (f"The index {levels}, which pandas has put apart, is read as a column.",)
        table = table.reset_index()
    elif not isinstance(table.index, pd.RangeIndex) or table.index.start or table.index.step != 1:
        table = table.reset_index(drop=True)
    for column, values in named.items():
        if column in table and pd.api.types.is_integer_dtype(table[column]):
            table[column] = table[column].map(dict(enumerate(values))).astype(object)
            words = ", ".join(f"{number} = {value}" for number, value in enumerate(values))[:200]
            notes = (*notes, f"The file itself says what the numbers in “{column}” mean: {words}.")
    places = np.arange(1, len(table) + 1)
    return RawTable(table.rename(columns=str), name, places, "row", (), notes, {"format": kind})


def _named_values(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the values of columns of classes, as the library datasets writes them beside a table."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: list(map(str, values)) for name, values in found.items() if isinstance(values, list)}
