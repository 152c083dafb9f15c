"""Parquet files as tables: checked before they are read, with an index of pandas' brought back as columns."""

import io
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from finsent.data.formats.raw import RawTable
from finsent.data.parquet import check_parquet
from finsent.errors import EncodingError

#: Options of pandas that its stubs do not know.
_GIVEN_UP: dict[str, Any] = {"to_pandas_kwargs": {"self_destruct": True, "split_blocks": True}}


def read_parquet_table(raw: bytes, name: str) -> RawTable:
    """Return a parquet file as a table; ``facts`` say what it is.

    Raises:
        EncodingError: two of its columns have one name.
        TooLargeError: see :func:`finsent.data.parquet.check_parquet`.
        OSError, ValueError: it cannot be read.
    """
    from pyarrow import default_memory_pool
    from pyarrow.parquet import ParquetFile

    # Its content, since pandas and pyarrow find meanings in paths: "~", "s3://", "year=2024".
    content = io.BytesIO(raw)
    check_parquet(content, name)
    with ParquetFile(content) as parquet:
        twice = [column for column, count in Counter(parquet.schema_arrow.names).items() if count > 1]
    if twice:
        raise EncodingError(f"{name} has several columns called “{twice[0]}”. Rename all but one of them.")
    content.seek(0)
    # Each column of Arrow's is given up once pandas has it: a large file is held once and not twice.
    table = pd.read_parquet(content, **_GIVEN_UP)
    default_memory_pool().release_unused()
    notes: tuple[str, ...] = ()
    if any(level is not None for level in table.index.names):
        levels = ", ".join(f"“{level}”" for level in table.index.names)
        notes = (f"The index {levels}, which pandas has put apart, is read as a column.",)
        table = table.reset_index()
    elif not isinstance(table.index, pd.RangeIndex) or table.index.start or table.index.step != 1:
        table = table.reset_index(drop=True)
    places = np.arange(1, len(table) + 1)
    return RawTable(table.rename(columns=str), name, places, "row", (), notes, {"format": "Parquet"})
