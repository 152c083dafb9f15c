"""Ways in which a file of a run may be damaged, for the tests that read it afterwards."""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd


def written(content: bytes) -> Callable[[Path], None]:
    """Return a damage that puts this content in place of a file's own."""
    return lambda file: file.write_bytes(content) and None


def _with_value(file: Path, value: object) -> None:
    """Give every key of a JSON file, or every column of a table, this value."""
    if file.suffix == ".parquet":
        table = pd.read_parquet(file)
        table.assign(**{column: [value] * len(table) for column in table}).to_parquet(file)
    elif file.suffix == ".json":
        values = json.loads(file.read_text())
        file.write_text(json.dumps(dict.fromkeys(values, value)))
    else:
        file.write_bytes(json.dumps(value).encode() * 40)


def _each_column(change: Callable[[pd.DataFrame], pd.DataFrame], otherwise: bytes) -> Callable[[Path], None]:
    """Return a damage of tables; a file that is none gets other content instead."""

    def spoil(file: Path) -> None:
        if file.suffix == ".parquet":
            stream = io.BytesIO()
            change(pd.read_parquet(file)).to_parquet(stream)
            file.write_bytes(stream.getvalue())
        else:
            file.write_bytes(otherwise)

    return spoil


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 3, min(len(content), len(content) // 3 + 40)):
        content[place] ^= 0xFF
    file.write_bytes(bytes(content))


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("nowhere"))


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _missing_key(file: Path) -> None:
    if file.suffix == ".json":
        values = json.loads(file.read_text())
        values.pop(next(iter(values)), None)
        file.write_text(json.dumps(values))
    else:
        _each_column(lambda table: table.drop(columns=table.columns[0]), b"\x00" * 200)(file)


#: Twenty and some ways; “another run's file” and “not to be read” need more than the file and stand in the tests.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": written(b""),
    "a list": written(b"[1]"),
    "null": written(b"null"),
    "an empty object": written(b"{}"),
    "a number": written(b"7"),
    "cut off": _truncated,
    "bytes turned round": _flipped,
    "binary garbage": written(bytes(range(256)) * 20),
    "no UTF-8": written(b'{"title": "\xff\xfe\xff"}'),
    "a byte order mark and nothing": written(b"\xef\xbb\xbf"),
    "nested deeply": written(b"[" * 100_000),
    "nested objects": written(b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    "wrong types": lambda file: _with_value(file, ["x"]),
    "true everywhere": lambda file: _with_value(file, True),
    "a huge number": lambda file: _with_value(file, 10**18),
    "a very long text": lambda file: _with_value(file, "x" * 20_000),
    "nothing everywhere": lambda file: _with_value(file, None),
    "not a number": _each_column(lambda table: table.assign(confidence=float("inf")), b'{"n": NaN, "rows": 1e999}'),
    "other columns": _each_column(lambda table: pd.DataFrame({"a": [1], "b": ["x"]}), b'{"a": 1, "b": "x"}'),
    "a missing key or column": _missing_key,
    "no rows": _each_column(lambda table: table.head(0), b'{"schema_version": 2}'),
    "rows twice": _each_column(lambda table: pd.concat([table, table]), b'{"a": 1}{"a": 1}'),
    "a folder in its place": _folder,
    "a link to nowhere": _link,
    "a pipe": _pipe,
}

#: Of these, what only a file of JSON could be read as; to any other it is garbage like another.
OF_JSON = {"a list", "null", "an empty object", "a number", "nested deeply", "nested objects"}


def replace_tree(source: Path, target: Path) -> Path:
    """Copy a folder anew in place of what is there, links kept as links."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target, symlinks=True))
