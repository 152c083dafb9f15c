"""Parquet files as tables: checked before they are read, with an index of pandas' brought back as columns."""

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
    places = np.arange(1, len(table) + 1)
    return RawTable(table.rename(columns=str), name, places, "row", (), notes, {"format": "Parquet"})
