"""Parquet files as tables: checked before they are read, with an index of pandas' brought back as columns."""

import json
from collections import Counter

import numpy as np
import pandas as pd

from finsent.data.formats.raw import RawTable
from finsent.data.parquet import read_checked
from finsent.errors import EncodingError


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
        twice = [column for column, count in Counter(parquet.schema_arrow.names).items() if count > 1]
        named = _named_values(parquet.schema_arrow.metadata or {})
    if twice:
        raise EncodingError(f"{name} has several columns called “{twice[0]}”. Rename all but one of them.")
    # Each column of Arrow's is given up once pandas has it: a large file is held once and not twice.
    table = read_checked(content, name).to_pandas(self_destruct=True, split_blocks=True)
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
    return RawTable(table.rename(columns=str), name, places, "row", (), notes, {"format": "Parquet"})


def _named_values(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the values of columns of classes, as the library datasets writes them beside a table."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: list(map(str, values)) for name, values in found.items() if isinstance(values, list)}
