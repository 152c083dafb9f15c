"""Packed files: what is in a .gz, and the one table in a .zip, unpacked in memory and no further than the limit."""

import gzip
import io
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO

from finsent.data.formats.kinds import SUFFIXES
from finsent.errors import DataError, EncodingError, SourceNotFoundError
from finsent.limits import BYTES

_PIECE = 2**20
#: How files begin that a Mac or an office program leaves beside others.
_GHOSTS = (".", "~$")
_WORDS = ("readme", "license", "licence", "copying", "changelog", "citation", "notice")


def unpack_gzip(raw: bytes, name: str) -> bytes:
    """Return what a gzip file holds.

    Raises:
        EncodingError: it is damaged or cut short.
        TooLargeError: it holds more bytes than the limit allows.
    """
    try:
        with gzip.open(io.BytesIO(raw)) as packed:
            return _read(packed, name)
    except (OSError, EOFError, zlib.error) as error:
        raise EncodingError(f"{name} cannot be unpacked: it is damaged or was cut short. Fetch it again.") from error


def unpack_zip(raw: bytes, name: str) -> tuple[str, bytes, tuple[str, ...]]:
    """Return the name and the content of the one table in a zip archive, and the names of what is left out.

    Raises:
        SourceNotFoundError: it holds no table.
        DataError: it holds several, or is encrypted.
        EncodingError: it is damaged.
        TooLargeError: the table unpacks to more bytes than the limit allows.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            files = [part for part in archive.infolist() if not part.is_dir()]
            tables = [part for part in files if _is_table(part.filename)]
            if not tables:
                raise SourceNotFoundError(f"{name} holds no table. Pack one of: {', '.join(SUFFIXES)}.")
            if len(tables) > 1:
                listed = ", ".join(part.filename for part in tables[:5]) + (" …" if len(tables) > 5 else "")
                raise DataError(
                    f"{name} holds {len(tables)} tables: {listed[:300]}. Give an archive with one of them, or unpack "
                    "it and give the folder."
                )
            (table,) = tables
            if table.flag_bits & 1:
                raise DataError(f"{name} is encrypted. Pack it without a password.")
            BYTES.check(table.file_size, name)
            with archive.open(table) as packed:
                content = _read(packed, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise EncodingError(f"{name} cannot be unpacked: it is damaged, or packed in an unknown way.") from error
    others = tuple(part.filename for part in files if part is not table and not _is_ghost(part.filename))
    return PurePosixPath(table.filename).name, content, others


def _read(packed: "gzip.GzipFile | IO[bytes]", name: str) -> bytes:
    content = bytearray()
    while piece := packed.read(_PIECE):
        content += piece
        BYTES.check(len(content), name)
    return bytes(content)


def _is_ghost(path: str) -> bool:
    return path.startswith("__MACOSX/") or PurePosixPath(path).name.startswith(_GHOSTS)


def _is_table(path: str) -> bool:
    file = PurePosixPath(path)
    about = file.suffix.lower() == ".txt" and file.stem.lower().startswith(_WORDS)
    return (
        file.suffix.lower() in SUFFIXES and file.suffix.lower() not in (".zip",) and not about and not _is_ghost(path)
    )
