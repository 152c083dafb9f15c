"""Whether an Arrow file or stream (Feather too) is safe to read: what each of its messages says that it unpacks to.

Arrow's messages are FlatBuffers: tables whose fields stand where a table of offsets before them says. The few fields
that say sizes are read here, before Arrow itself allocates anything (Arrow columnar format, Message.fbs).
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from finsent.data.parquet import unpacked_bytes
from finsent.errors import EncodingError
from finsent.limits import BYTES, CELLS, COLUMNS, ROWS

if TYPE_CHECKING:
    import pyarrow as pa

FILE, STREAM = b"ARROW1", b"\xff\xff\xff\xff"
#: Of a file, what stands before the stream that it holds.
_HEAD = 8
#: The fields that are read: of a message its content, of a dictionary its batch, of a batch its rows and its parts.
_HEADER, _DICTIONARY_BATCH, _LENGTH, _NODES, _BUFFERS, _COMPRESSION = 2, 1, 0, 1, 2, 3
#: How files of 2020 said that they are compressed, which today's Arrow still reads.
_OLD_COMPRESSION = b"ARROW:experimental_compression"


def read_arrow(raw: bytes, name: str) -> "pa.Table":
    """Return an Arrow file or stream as a table.

    A file is read as the stream that it holds, so that nothing counts but what was checked.

    Raises:
        TooLargeError: it has more rows, cells or unpacked bytes than the limits allow.
        EncodingError: a column is of a type that could unpack to any size.
        OSError, ValueError: it cannot be read.
    """
    import pyarrow as pa

    content = pa.BufferReader(raw)
    stream = content if raw.startswith(STREAM) else pa.BufferReader(pa.py_buffer(raw)[_HEAD:])
    try:
        _check_messages(stream, name)
    except (struct.error, IndexError) as error:
        raise ValueError("its messages are damaged") from error
    stream.seek(0)
    with pa.ipc.open_stream(stream) as reader:
        COLUMNS.check(len(reader.schema), name)
        for field in reader.schema:
            if not _is_plain(field.type):
                raise EncodingError(
                    f"{name} has a column “{field.name}” of Arrow's type {str(field.type)[:100]}, which is not read. "
                    "Leave it out, or write the file as Parquet."
                )
        table = reader.read_all()
    # Offsets and letters are somebody else's, and are believed only now.
    table.validate(full=True)
    BYTES.check(sum(unpacked_bytes(chunk) for column in table.columns for chunk in column.chunks), name)
    return table


def _is_plain(kind: "pa.DataType") -> bool:
    """Whether a type's values take the room that its parts say, or as much as :func:`unpacked_bytes` counts."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return bool(types.is_string(kind.value_type) or types.is_large_string(kind.value_type))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_struct(kind) or types.is_map(kind):
        return all(_is_plain(kind.field(place).type) for place in range(kind.num_fields))
    simple = (
        *(types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_temporal),
        *(types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_string_view),
    )
    return any(one(kind) for one in simple)


def _check_messages(stream: "pa.BufferReader", name: str) -> None:
    import pyarrow as pa

    rows = cells = total = 0
    for message in pa.ipc.MessageReader.open_stream(stream):
        if message.type not in ("record batch", "dictionary"):
            continue
        head = message.metadata.to_pybytes()
        if _OLD_COMPRESSION in head:
            raise EncodingError(f"{name} is compressed as Arrow did in 2020. Write it anew with a later version.")
        batch = _table(head, _table_at(head, 0), _HEADER)
        if message.type == "dictionary":
            batch = _table(head, batch, _DICTIONARY_BATCH)
        place = _field(head, batch, _LENGTH)
        length = struct.unpack_from("<q", head, place)[0] if place else 0
        if length < 0:
            raise IndexError(length)
        rows += length if message.type == "record batch" else 0
        cells += sum(length for length, _ in _pairs(head, batch, _NODES))
        packed = _field(head, batch, _COMPRESSION) is not None
        total += sum(
            _declared(message.body, *one) if packed else one[1] for one in _pairs(head, batch, _BUFFERS) if one[1]
        )
        ROWS.check(rows, name)
        CELLS.check(cells, name)
        BYTES.check(total, name)


def _declared(body: "pa.Buffer", offset: int, length: int) -> int:
    """Return the bytes that a compressed buffer says it unpacks to; -1 says that it is as it is."""
    says: int = struct.unpack("<q", body[offset : offset + 8].to_pybytes())[0]
    return length if says == -1 else says & (2**63 - 1)


def _table_at(head: bytes, place: int) -> int:
    return place + int(struct.unpack_from("<I", head, place)[0])


def _field(head: bytes, table: int, number: int) -> int | None:
    """Return where a field of a table stands, or None where the table has none."""
    offsets = table - struct.unpack_from("<i", head, table)[0]
    slot = 4 + 2 * number
    if offsets < 0 or slot >= struct.unpack_from("<H", head, offsets)[0]:
        return None
    offset: int = struct.unpack_from("<H", head, offsets + slot)[0]
    return table + offset if offset else None


def _table(head: bytes, table: int, number: int) -> int:
    place = _field(head, table, number)
    if place is None:
        raise IndexError(number)
    return _table_at(head, place)


def _pairs(head: bytes, table: int, number: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs of whole numbers in a vector of a table: length and nulls of a part, or place and length."""
    place = _field(head, table, number)
    if place is None:
        return
    vector = _table_at(head, place)
    count = struct.unpack_from("<I", head, vector)[0]
    if count > len(head):
        raise IndexError(count)
    for one in range(count):
        first, second = struct.unpack_from("<qq", head, vector + 4 + 16 * one)
        if first < 0 or second < 0:
            raise IndexError(first)
        yield first, second
