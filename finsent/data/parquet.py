"""Whether a parquet file is safe to read: what it says of its size, and what its dictionaries would unpack to."""

from typing import TYPE_CHECKING, BinaryIO

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

    with ParquetFile(content) as parquet:
        chunks = _chunks(parquet)
        ROWS.check(parquet.metadata.num_rows, name)
        COLUMNS.check(parquet.metadata.num_columns, name)
        CELLS.check(max(parquet.metadata.num_rows, 1) * parquet.metadata.num_columns, name)
        CELLS.check(sum(chunk.num_values for chunk in chunks), name)
        BYTES.check(sum(chunk.total_uncompressed_size for chunk in chunks), name)
    texts = [chunk for chunk in chunks if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page]
    # No value is longer than its column's bytes, which settles it for most files.
    if sum(chunk.num_values * chunk.total_uncompressed_size for chunk in texts) > BYTES.value:
        content.seek(0)
        _check_dictionaries(content, sorted({chunk.path_in_schema for chunk in texts}), name)
    content.seek(0)


def _chunks(parquet: "ParquetFile") -> "list[ColumnChunkMetaData]":
    groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
    return [group.column(number) for group in groups for number in range(group.num_columns)]


def _check_dictionaries(content: BinaryIO, columns: list[str], name: str) -> None:
    from pyarrow.parquet import ParquetFile

    total = 0
    # Read as dictionaries, each value is held once, however often it is named.
    with ParquetFile(content, read_dictionary=columns) as parquet:
        for number in range(parquet.num_row_groups):
            group = parquet.read_row_group(number, columns=columns)
            total += sum(_unpacked(chunk) for column in group.columns for chunk in column.chunks)
            BYTES.check(total, name)


def _unpacked(array: "pa.Array") -> int:
    """Return the bytes of an array whose dictionaries are written out."""
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_dictionary(array.type):
        taken = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(pc.cast(taken, "int64")).as_py() or 0)
    if types.is_struct(array.type):
        return sum(_unpacked(part) for part in array.flatten())
    if types.is_list(array.type) or types.is_large_list(array.type) or types.is_map(array.type):
        return _unpacked(array.flatten())
    return int(array.nbytes)
