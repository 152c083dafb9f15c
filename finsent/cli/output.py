"""Tables as the commands print and write them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finsent.errors import UsageError
from finsent.files import typed_path

if TYPE_CHECKING:
    import pandas as pd

#: Texts are cut to so many characters in a printed table.
_TEXT_WIDTH = 80
#: Rows that are printed; the JSON and the CSV have all of them.
_PRINTED_ROWS = 20


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table as plain values for JSON, one dictionary a row; what is missing is None."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def table_text(table: "pd.DataFrame", rows: int | None = _PRINTED_ROWS) -> str:
    """Return a table for people: its first rows, and a line that says how many more there are."""
    if table.empty:
        return "none"
    shown = table if rows is None else table.head(rows)
    shown = shown.apply(lambda column: column.map(_cell))
    text: str = shown.to_string(index=False, justify="left", formatters=_left(shown))
    if len(shown) < len(table):
        text += f"\n… {len(table) - len(shown):,} more of {len(table):,}; --json has them all"
    return text


def file_to_write(path: str) -> str:
    """Return a path as it was typed, once it is certain that a file can be written there; nothing is left there.

    It is asked before a command works for what it shall write.

    Raises:
        UsageError: none can.
    """
    place = _place(path)
    # A pipe would wait for whoever reads it, and end for them when it is closed.
    if place.is_file() or place.is_dir() or not place.exists():
        new = not place.exists()
        with _written(place), place.open("ab"):
            pass
        if new:
            place.unlink()
    return path


def write_file(path: str | Path, content: bytes) -> str:
    """Write a file that a command was asked for, and return its absolute path.

    Raises:
        UsageError: it cannot be written there.
    """
    place = _place(path)
    with _written(place):
        place.write_bytes(content)
    return str(place.resolve())


def write_table(path: str | Path, table: "pd.DataFrame") -> str:
    """Write a table as CSV that spreadsheets read, and return the file's absolute path.

    Raises:
        UsageError: it cannot be written there.
    """
    from finsent.data.export import export_csv

    return write_file(path, export_csv(table))


def _place(path: str | Path) -> Path:
    return typed_path(path, UsageError, "place for a file", "Give another file.")


@contextmanager
def _written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error.strerror}). Give another file.") from error


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = " ".join(str(value).split())
    return text if len(text) <= _TEXT_WIDTH else text[: _TEXT_WIDTH - 1] + "…"


def _left(shown: "pd.DataFrame") -> Any:
    widths = {name: max(map(len, [str(name), *shown[name]])) for name in shown}
    return {name: lambda cell, width=width: f"{cell:<{width}}" for name, width in widths.items()}
