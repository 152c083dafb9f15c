"""Bytes as text: which encoding a file has, found by its mark, by trying UTF-8, or by charset-normalizer."""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from finsent.errors import EncodingError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
#: What people's tables are written in. DOS and old Macintosh encodings resemble these and are far rarer.
_LIKELY = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "koi8_r",
]  # fmt: skip
#: Encodings that a few letters cannot tell apart: of these, the commonest is taken.
_LATIN = ("cp1250", "cp1252", "cp1254", "cp1257")
_NAMES = {"cp1252": "Windows-1252 (Latin-1)", "cp1250": "Windows-1250", "cp1251": "Windows-1251"}
#: A letter of several bytes as UTF-8 writes it.
_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_FOREIGN = re.compile(rb"[\x80-\xff]")
_SAMPLE_BYTES = 64 * 1024
#: A guess counts as good as the best one if so little more of it is mess (share from 0 to 1).
_AS_GOOD = 0.05
#: Lines of UTF-8 among those with foreign letters, as a share, from which on a file counts as of two encodings.
_SOME = 0.1


@dataclass(frozen=True)
class Decoded:
    """A file's text and the name of its encoding; bytes that fit nowhere stand in it as U+DC80 to U+DCFF."""

    text: str
    encoding: str

    @property
    def usual(self) -> bool:
        """Whether nothing need be said about the encoding."""
        return self.encoding.startswith("UTF-8")


def decode(raw: bytes, name: str) -> Decoded:
    """Return the text of a file.

    A file that is UTF-8 but for a few bytes is read as UTF-8, and its bad bytes are kept so that their rows can be
    refused; any other that is not UTF-8 is looked at by charset-normalizer.

    Raises:
        EncodingError: the mark at its start is of an encoding that it is not in, or no encoding fits.
    """
    for mark, codec, words in _MARKS:
        if raw.startswith(mark):
            return _in(raw, codec, words, name)
    if guess := _unmarked_wide(raw):
        return _in(raw, guess, "UTF-16", name)
    try:
        return Decoded(raw.decode("utf-8"), "UTF-8")
    except UnicodeDecodeError as error:
        first = error.start
    if _mostly_utf8(raw):
        return Decoded(raw.decode("utf-8", "surrogateescape"), "UTF-8, a few bytes of it broken")
    if _in_two_encodings(raw):
        return Decoded(raw.decode("utf-8", "surrogateescape"), "UTF-8 in some lines and another encoding in others")
    codec = _guess(raw, name, first)
    return _in(raw, codec, _NAMES.get(codec, codec), name)


def _in(raw: bytes, codec: str, words: str, name: str) -> Decoded:
    try:
        return Decoded(raw.decode(codec), words)
    except UnicodeDecodeError as error:
        if codec == "cp1252":
            # Five bytes mean nothing in it; Latin-1 has control characters there.
            return Decoded(raw.decode("latin-1"), "Latin-1")
        raise EncodingError(
            f"{name} begins like {words} text and is not (first at byte {error.start:,}). Save it as UTF-8."
        ) from error


def _unmarked_wide(raw: bytes) -> str | None:
    """Return the codec of UTF-16 without a mark, which has a zero in every other byte of plain letters."""
    head = raw[:_SAMPLE_BYTES]
    half = len(head) // 2
    if half < 4 or len(raw) % 2:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else None


def _mostly_utf8(raw: bytes) -> bool:
    sample = raw if len(raw) < 2**24 else raw[: 2**24]
    letters = sum(len(found.group()) for found in _LETTER.finditer(sample))
    return letters > 0.8 * len(_FOREIGN.findall(sample)) > 0


def _in_two_encodings(raw: bytes) -> bool:
    """Whether a good part of the lines with foreign letters are UTF-8: files of two encodings were put together."""
    lines = [line for line in raw[: 2**24].splitlines() if not line.isascii()]
    # Two letters of another encoding may look like one of UTF-8; three or more in a line hardly do.
    letters = [sum(map(len, _LETTER.findall(line))) for line in lines]
    whole = sum(count > 2 and count == len(_FOREIGN.findall(line)) for count, line in zip(letters, lines, strict=True))
    return whole > _SOME * len(lines)


def _guess(raw: bytes, name: str, first: int) -> str:
    # Lines that say nothing of the encoding are left out: they cost time.
    lines = [line for line in raw[: 2**24].splitlines() if not line.isascii()] or [raw[max(first - 200, 0) :]]
    sample = b"\n".join(lines)[:_SAMPLE_BYTES]
    if (sample.count(0) or sample.count(1)) and sum(byte < 9 for byte in sample) > len(sample) // 100:
        raise EncodingError(f"{name} is no text (first at byte {first:,}). Give a CSV, JSON, Excel or Parquet file.")
    found = list(from_bytes(sample, cp_isolation=_LIKELY))
    if not found:
        return "cp1252"
    best = found[0]
    western = [match for match in found if "cp1252" in match.could_be_from_charset or match.encoding == "cp1252"]
    if western and western[0].chaos <= best.chaos + _AS_GOOD and best.encoding in _LATIN:
        return "cp1252"
    return best.encoding
