"""JSON in the layouts that people and tools write: lines, an array, objects one after another, a list in an object."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from finsent.data.formats.header import unique_names
from finsent.data.formats.layouts import flatten
from finsent.data.formats.raw import RawTable, RefusedRow, check_refused, printable
from finsent.data.splits import SPLIT_COLUMN, split_named
from finsent.errors import EmptyDataError, EncodingError, first_line
from finsent.limits import CELLS, COLUMNS, ROWS

_ADVICE = 'Give an array of objects, or one object a line: {"text": "...", "label": "..."}.'


def read_json_rows(text: str, name: str) -> RawTable:
    """Return the objects of JSON text as rows, in whichever layout they stand; ``facts`` say in which.

    Raises:
        EmptyDataError: there is no object in it.
        EncodingError: it is no JSON, or JSON in which no list of rows can be seen; the message says what is there.
    """
    try:
        value = _parse(text)
    except ValueError as error:
        return _lines(text, name, error)
    except RecursionError as error:
        raise EncodingError(f"{name} cannot be read as json (it nests too deeply).") from error
    objects, layout, notes = _rows_of(value, name)
    return _table(objects, np.arange(1, len(objects) + 1), name, "object", (), notes, layout)


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_missing)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(f"the name “{twice[:40]}” is there twice in one object")
    return found


class _TwiceError(ValueError):
    """One object has a name twice, so that one of the values would be lost."""


def _missing(_: str) -> float:
    return math.nan


def _lines(text: str, name: str, whole: ValueError) -> RawTable:
    """Return JSON lines, or objects that stand one after another over several lines each."""
    objects: list[Any] = []
    places: list[int] = []
    refused: list[RefusedRow] = []
    for place, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            objects.append(_parse(line))
            places.append(place)
        except (ValueError, RecursionError) as error:
            words = "it nests too deeply" if isinstance(error, RecursionError) else _words(error)
            refused.append(RefusedRow(name, "line", place, words, printable(line.strip()), said=_kind_of(words)))
    if len(refused) > len(objects):
        objects, places, layout = _one_after_another(text, name, refused, whole)
        refused = []
    else:
        layout = "JSON, one object a line"
    check_refused(refused, len(objects), name)
    if len(objects) == 1 and not refused:
        inner, layout, notes = _rows_of(objects[0], name)
        return _table(inner, np.arange(1, len(inner) + 1), name, "object", (), notes, layout)
    return _table(objects, np.array(places), name, "line", tuple(refused), (), layout)


def _words(error: ValueError) -> str:
    # The library's own words name a place in the line, which the row's number does better.
    return str(error) if isinstance(error, _TwiceError) else f"no JSON ({first_line(error).lower()})"


def _kind_of(words: str) -> str:
    return "no JSON" if words.startswith("no JSON") else words


def _one_after_another(
    text: str, name: str, refused: list[RefusedRow], whole: ValueError
) -> tuple[list[Any], list[int], str]:
    try:
        found = list(_objects(text))
    except (ValueError, RecursionError):
        found = []
    if len(found) < 2:
        first = refused[0]
        said = _words(whole) if isinstance(whole, _TwiceError) else f"{first.where}: {first.reason}"
        raise EncodingError(f"{name} cannot be read as json ({said}). {_ADVICE}") from whole
    values = [value for value, _ in found]
    return values, [place for _, place in found], "JSON, objects one after another"


def _objects(text: str) -> Iterator[tuple[Any, int]]:
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_missing)
    start, line, counted = 0, 1, 0
    while True:
        while start < len(text) and (text[start].isspace() or text[start] == ","):
            start += 1
        if start >= len(text):
            return
        line += text.count("\n", counted, start)
        counted = start
        value, end = decoder.raw_decode(text, start)
        yield value, line
        start = end


def _rows_of(value: Any, name: str) -> tuple[list[Any], str, tuple[str, ...]]:
    """Return the rows in a JSON value, the name of the layout, and what to say about it."""
    if isinstance(value, list):
        return value, "JSON, an array", ()
    if not isinstance(value, dict):
        raise EncodingError(f"{name} cannot be read as json: it holds one {_kind(value)}. {_ADVICE}")
    lists = {key: one for key, one in value.items() if isinstance(one, list) and one and isinstance(one[0], dict)}
    if "rows" in lists and "row_idx" in lists["rows"][0]:
        # As the hub's viewer gives them, with a list of its columns beside.
        return _from_lists({"rows": value["rows"]}, {"rows": lists["rows"]}, name)
    if lists:
        return _from_lists(value, lists, name)
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        names, notes = unique_names([str(one) for one in value["columns"]])
        rows = [dict(zip(names, row, strict=True)) for row in value["data"] if _fits(row, names, name)]
        return rows, "JSON, a list of columns and one of rows (pandas “split”)", notes
    if len(value) > 1 and _alike(list(value.values())):
        rows = list(value.values())
        return rows, "JSON, an object for each row, by its name", ()
    columns = {key: one for key, one in value.items() if isinstance(one, dict | list)}
    if len(columns) == len(value) > 1 and len({len(one) for one in columns.values()}) == 1:
        return _by_column(columns, name)
    return [value], "JSON, one object", ()


def _alike(values: list[Any]) -> bool:
    """Whether values are objects of the same few names, so that each of them is a row and not a column."""
    names = set(values[0]) if isinstance(values[0], dict) else set()
    numbered = all(name.isdigit() for name in names)
    same = all(isinstance(one, dict) and set(one) == names for one in values)
    return len(values) > len(names) > 1 and same and not numbered


def _fits(row: Any, names: tuple[str, ...], name: str) -> bool:
    if not isinstance(row, list) or len(row) != len(names):
        raise EncodingError(
            f"{name} cannot be read as json: a row of “data” has not the {len(names)} values of “columns”."
        )
    return True


def _from_lists(value: dict[str, Any], lists: dict[str, Any], name: str) -> tuple[list[Any], str, tuple[str, ...]]:
    if len(lists) == 1:
        key, rows = next(iter(lists.items()))
        others = ", ".join(f"“{one}”" for one in value if one != key)[:200]
        note = (f"Its rows are the list “{key}”; left out are {others}.",) if others else ()
        return rows, f"JSON, the list “{key}” of an object", note
    splits = {key: split_named(key) for key in lists}
    if all(splits.values()) and len(set(splits.values())) == len(lists):
        named = [
            {**row, SPLIT_COLUMN: splits[key]} if isinstance(row, dict) else row
            for key, rows in lists.items()
            for row in rows
        ]
        return named, "JSON, a list for each split", ()
    raise EncodingError(
        f"{name} cannot be read as json: it holds several lists of objects ({', '.join(lists)[:200]}), and which "
        "of them are the rows is not clear. Give a file with one of them."
    )


def _by_column(columns: dict[str, Any], name: str) -> tuple[list[Any], str, tuple[str, ...]]:
    first = next(iter(columns.values()))
    keys = list(first) if isinstance(first, dict) else list(range(len(first)))
    if not all(list(one) == keys if isinstance(one, dict) else len(one) == len(keys) for one in columns.values()):
        raise EncodingError(f"{name} cannot be read as json: its columns do not have the same rows.")
    CELLS.check(len(keys) * len(columns), name)
    rows = [{label: one[key] for label, one in columns.items()} for key in keys]
    return rows, "JSON, an object for each column (as pandas writes it)", ()


def _table(
    objects: list[Any],
    places: np.ndarray,
    name: str,
    unit: str,
    refused: tuple[RefusedRow, ...],
    notes: tuple[str, ...],
    layout: str,
) -> RawTable:
    if not objects:
        raise EmptyDataError(f"{name} has no rows. {_ADVICE}")
    ROWS.check(len(objects), name)
    if all(isinstance(one, str) for one in objects):
        objects = [{"text": one} for one in objects]
    good, kept, bad = [], [], list(refused)
    for place, one in zip(places, objects, strict=True):
        if isinstance(one, dict):
            good.append(one)
            kept.append(place)
        else:
            reason = f"a {_kind(one)} and no object"
            bad.append(RefusedRow(name, unit, int(place), reason, json.dumps(one)[:200]))
    if not good:
        raise EncodingError(f"{name} cannot be read as json: it holds {_kind(objects[0])}s and no objects. {_ADVICE}")
    check_refused(bad, len(good), name)
    flat, said = flatten(good)
    # A name may hold half a character, which no table can be called by.
    flat = [{key.encode("utf-8", "replace").decode(): value for key, value in one.items()} for one in flat]
    columns = dict.fromkeys(key for one in flat for key in one)
    COLUMNS.check(len(columns), name)
    CELLS.check(len(columns) * len(flat), name)
    # Column by column, as they stand: pandas would turn numbers into others beside missing ones.
    table = pd.DataFrame({key: pd.Series(_values([one.get(key) for one in flat]), dtype=object) for key in columns})
    if table.columns.empty:
        raise EmptyDataError(f"{name} has no columns. {_ADVICE}")
    facts = {"format": layout}
    return RawTable(table, name, np.array(kept), unit, tuple(bad), (*notes, *said), facts)


def _values(given: list[Any]) -> np.ndarray:
    # Filled one by one, since numpy would take equally long lists for another dimension.
    values = np.empty(len(given), dtype=object)
    for place, one in enumerate(given):
        values[place] = None if isinstance(one, float) and math.isnan(one) else one
    return values


def _kind(value: Any) -> str:
    kinds = {bool: "truth value", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return kinds.get(type(value), "null")
