"""What a file is, by its content: its name may say something else, and then its content is right."""

from dataclasses import dataclass

from finsent.data.arrow_ipc import FILE, STREAM
from finsent.errors import DataError, EncodingError

#: Endings of names that are read, each with the kind that it says.
SUFFIXES = {
    ".csv": "text", ".tsv": "text", ".tab": "text", ".psv": "text", ".txt": "text",
    ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow",
    ".xlsx": "workbook", ".xlsm": "workbook", ".xls": "workbook", ".ods": "workbook",
    ".gz": "gzip", ".zip": "zip",
}  # fmt: skip
READ = ".csv, .tsv, .txt, .json, .jsonl, .parquet, .arrow, .feather, .xlsx, .xls, .ods, or one of them as .gz or .zip"
#: Formats that can run code when they are opened, or hold no table; never looked into.
_NEVER = (".pkl", ".pickle", ".npy", ".npz", ".pt", ".pth", ".bin", ".exe", ".so", ".py", ".ipynb")
_MAGIC = (
    (b"PAR1", "parquet"), (FILE, "arrow"), (STREAM, "arrow"),
    (b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook"),
)  # fmt: skip
#: Beginnings of files that people take for tables, and what they are.
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"SQLite format 3", "a SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x28\xb5\x2f\xfd", "a file packed with zstd"),
    (b"BZh", "a file packed with bzip2"),
    (b"\xfd7zXZ", "a file packed with xz"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    *((bytes((0x80, version)), "a Python pickle, which can run code when it is opened") for version in (2, 3, 4, 5)),
    (b"\x93NUMPY", "an array of NumPy's"),
    (b"\x89HDF", "an HDF5 file"),
    (b"{\\rtf", "a document in Rich Text Format"),
)
#: How a Feather file of before 2020 begins, which holds no Arrow of today's.
_OLD_FEATHER = b"FEA1"
#: Parts of packed documents, and what these are.
_OFFICE = (
    (b"word/document.xml", "a Word document"),
    (b"ppt/presentation.xml", "a presentation"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "a text document"),
)
_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGE = (b"<!doctype html", b"<html")
_HTML_BYTES = 1_000


@dataclass(frozen=True)
class Kind:
    """What a file is, one of the kinds in :data:`SUFFIXES`, and a note where its name says something else."""

    what: str
    note: str = ""


_WORDS = {
    "text": "separated text",
    "json": "JSON",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "workbook": "a workbook",
    "gzip": "gzip",
    "zip": "a zip archive",
}


def find_kind(raw: bytes, name: str, suffix: str) -> Kind:
    """Return what a file is.

    Raises:
        DataError: it is something that holds no table, or of a kind that is not read; the message says what it is.
    """
    if suffix in _NEVER:
        raise _not_read(name)
    _refuse_others(raw, name)
    said = SUFFIXES.get(suffix)
    found = next((kind for magic, kind in _MAGIC if raw.startswith(magic)), None)
    if found == "zip" and (said == "workbook" or _is_workbook(raw)):
        found = "workbook"
    if found is None:
        found = _text_kind(raw, said)
    if said in ("parquet", "arrow", "workbook", "gzip", "zip") and found in ("text", "json"):
        raise EncodingError(
            f"{name} cannot be read as {suffix[1:]}: its content is not {_WORDS[said]}. If it is text, name it .csv or "
            ".jsonl; if it was cut short on the way, fetch it again."
        )
    if said is None and found == "text" and not _looks_separated(raw):
        raise _not_read(name)
    differs = said is not None and said != found
    return Kind(found, f"It is named {suffix} and holds {_WORDS[found]}: it is read as that." if differs else "")


def _not_read(name: str) -> DataError:
    return DataError(f"{name} is not a kind of file that can be read. Give one of: {READ}.")


def _refuse_others(raw: bytes, name: str) -> None:
    if raw.startswith(_OLD_FEATHER):
        raise DataError(
            f"{name} is a Feather file of version 1, which is not read. Write it as version 2, for example with "
            "pandas.read_feather(NAME).to_feather(NAME)."
        )
    found = [words for magic, words in _OTHERS if raw.startswith(magic)]
    if raw.startswith(b"PK") and not _is_workbook(raw):
        found = [words for part, words in _OFFICE if part in raw]
    if found:
        raise DataError(f"{name} is {found[0]}, no table. Give one of: {READ}.")
    if raw.startswith(_POINTER):
        raise DataError(
            f"{name} is a Git LFS pointer, not the data that it stands for. Fetch them with “git lfs pull”, or "
            "download the file itself."
        )
    head = raw[:_HTML_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(_PAGE) and b"<table" in head and name.lower().endswith((".xls", ".xlsx")):
        raise DataError(
            f"{name} is a web page with a table in it, as some programs export it. Open it in a spreadsheet and save "
            "it as .xlsx or .csv."
        )
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        raise DataError(f"{name} is a workbook in Excel 2003's XML. Open it in a spreadsheet and save it as .xlsx.")
    if head.startswith(_PAGE) or (head.startswith((b"<?xml", b"<!--")) and b"<html" in head):
        raise DataError(
            f"{name} is a web page, not the data: the page for a download was saved, or a page that asks to sign in. "
            "Download the file itself."
        )
    if head.startswith(b"<?xml"):
        raise DataError(f"{name} is an XML document, no table. Give one of: {READ}.")


def _is_workbook(raw: bytes) -> bool:
    # The directory of a zip archive stands at its end.
    return b"xl/workbook" in raw or b"application/vnd.oasis.opendocument.spreadsheet" in raw[:200]


def _text_kind(raw: bytes, said: str | None) -> str:
    head = raw[:4_096].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").replace(b"\0", b"")
    if said == "json" or (said is None and head[:1] in (b"{", b"[")):
        return "json"
    # A table whose first cell begins with a bracket is rarer than JSON of another name, but there are some.
    begins = head[:1] == b"{" and head[1:].lstrip()[:1] in (b'"', b"}")
    array = head[:1] == b"[" and head[1:].lstrip()[:1] in (b"{", b"[", b'"', b"]")
    return "json" if begins or array else "text"


def _looks_separated(raw: bytes) -> bool:
    lines = raw[:20_000].replace(b"\0", b"").splitlines()[:20]
    return len(lines) > 1 and any(
        min(line.count(mark) for line in lines if line.strip()) > 0 for mark in (b",", b";", b"\t", b"|", b"@")
    )
