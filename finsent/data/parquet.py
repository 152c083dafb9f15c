"""Whether a parquet file is safe to read: what it says of its size, and what its dictionaries would unpack to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from finsent.limits import BYTES, CELLS, COLUMNS, ROWS

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ColumnChunkMetaData, ParquetFile


def check_parquet(content: BinaryIO, name: str) -> None:
    """Refuse a parquet file with more rows, cells or unpacked bytes than the limits allow, before its values are read.

    A column may name one long value again and again: it is counted as what that becomes. ``content`` is an open file,
    which is left where it was.

    Raises:
        TooLargeError: it is too large.
        OSError, ValueError: it cannot be read, or is no parquet file.
    """
    from pyarrow.parquet import ParquetFile

    packed = _packed_columns(content, name)
    total = 0
    with ParquetFile(content, read_dictionary=packed) as parquet:
        for number in range(parquet.num_row_groups if packed else 0):
            group = parquet.read_row_group(number, columns=packed)
            total += sum(unpacked_bytes(chunk) for column in group.columns for chunk in column.chunks)
            BYTES.check(total, name)
    content.seek(0)


def read_checked(content: BinaryIO, name: str) -> "pa.Table":
    """Return a parquet file whose columns have different names; what :func:`check_parquet` refuses is refused.

    Each column is read once, checked, and written out only then.

    Raises:
        TooLargeError, OSError, ValueError: see :func:`check_parquet`.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    packed = _packed_columns(content, name)
    columns, total = [], 0
    with _frugal(), ParquetFile(content) as plain, ParquetFile(content, read_dictionary=packed) as parquet:
        for field in plain.schema_arrow:
            # Threads would each keep memory of their own: half as much again in all.
            column = parquet.read([field.name], use_threads=False).column(field.name)
            total += sum(map(unpacked_bytes, column.chunks))
            BYTES.check(total, name)
            if column.type != field.type:
                flat = pa.types.is_dictionary(column.type)
                column = column.cast(field.type) if flat else plain.read([field.name]).column(field.name)
            columns.append(column)
        return pa.table(columns, schema=plain.schema_arrow)


@contextmanager
def _frugal() -> Iterator[None]:
    """Let Arrow allocate by jemalloc, where its build has it: a large table takes less time and memory to make."""
    import pyarrow as pa

    usual = pa.default_memory_pool()
    try:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    except NotImplementedError:
        # Not on every system.
        yield
        return
    try:
        yield
    finally:
        pa.set_memory_pool(usual)


def _packed_columns(content: BinaryIO, name: str) -> list[str]:
    """Check what a file says of itself, and return its columns with dictionaries, if they could unpack to too much."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(content) as parquet:
        chunks = _chunks(parquet)
        ROWS.check(parquet.metadata.num_rows, name)
        COLUMNS.check(parquet.metadata.num_columns, name)
        CELLS.check(max(parquet.metadata.num_rows, 1) * parquet.metadata.num_columns, name)
        CELLS.check(sum(chunk.num_values for chunk in chunks), name)
        BYTES.check(sum(chunk.total_uncompressed_size for chunk in chunks), name)
    content.seek(0)
    texts = [chunk for chunk in chunks if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page]
    # No value is longer than its column's bytes, which settles it for most files.
    if sum(chunk.num_values * chunk.total_uncompressed_size for chunk in texts) <= BYTES.value:
        return []
    return sorted({chunk.path_in_schema for chunk in texts})


def _chunks(parquet: "ParquetFile") -> "list[ColumnChunkMetaData]":
    groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
    return [group.column(number) for group in groups for number in range(group.num_columns)]


def unpacked_bytes(array: "pa.Array") -> int:
    """Return the bytes of an array whose dictionaries are written out, and whose views are texts of their own."""
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_dictionary(array.type):
        taken = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(pc.cast(taken, "int64")).as_py() or 0)
    if types.is_string_view(array.type):
        # A view of 16 bytes begins with its text's length.
        views = np.frombuffer(array.buffers()[1], dtype="<i4").reshape(-1, 4)
        return int(views[array.offset : array.offset + len(array), 0].sum(dtype=np.int64))
    if types.is_struct(array.type):
        return sum(unpacked_bytes(part) for part in array.flatten())
    if types.is_list(array.type) or types.is_large_list(array.type) or types.is_map(array.type):
        return unpacked_bytes(array.flatten())
    return int(array.nbytes)
