"""A folder of data files as one table: which files, in which order, and the splits that their names say."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from finsent.data.formats.raw import RawTable
from finsent.data.formats.vocabulary import LABEL_NAMES, plain
from finsent.data.reading import READERS, read_raw
from finsent.data.schema import TEXT_NAMES, listed
from finsent.data.splits import SPLIT_COLUMN, split_of_path
from finsent.errors import DataError, SourceNotFoundError
from finsent.limits import CELLS, ROWS

_NAMED = 5
#: Kinds that also hold what people write about data.
_PROSE = (".txt",)
#: What stands beside the Arrow files of a data set that the library datasets has saved, and is none of its rows.
_SAVED = frozenset({"state.json", "dataset_dict.json", "dataset_info.json"})


def read_folder(folder: Path) -> RawTable:
    """Return all data files of a folder and its folders as one table, in the order of their names.

    Each is opened by its own path, so that no character of a name means anything. Left out, and named in a note, are
    hidden files, files of other kinds, links to folders, texts that are no tables, and a file that repeats another's
    rows. Where names say train and test (or validation), rows keep that split.

    Raises:
        SourceNotFoundError: it holds no data file, or a folder in it cannot be opened.
        DataError: a file cannot be read (see :func:`finsent.data.reading.read_raw`), or two have not the same columns.
    """
    files, notes = _files_below(folder)
    return _as_one({file: split_of_path(file.relative_to(folder)) for file in files}, folder, notes)


def read_files(files: dict[Path, str], folder: Path) -> RawTable:
    """Return some files of a folder as one table, each with the split of its rows, "" where it says none.

    Raises:
        DataError: see :func:`read_folder`.
    """
    return _as_one(files, folder, ())


def _as_one(files: dict[Path, str], folder: Path, notes: tuple[str, ...]) -> RawTable:
    tables, more = _read_all(list(files), folder)
    tables, again = _without_repeated(_same_spelling(tables, folder), folder)
    tables, splits = _with_splits(tables, files, folder)
    first = tables[0][1]
    starts = np.cumsum([0, *(len(raw.table) for _, raw in tables)])
    named = [replace(one, file=_inside(file, folder)) for file, raw in tables for one in raw.refused]
    inner = [f"{_inside(file, folder)}: {note}" for file, raw in tables for note in raw.notes]
    formats = ", ".join(dict.fromkeys(raw.facts.get("format", "") for _, raw in tables))
    encodings = ", ".join(dict.fromkeys(raw.facts["encoding"] for _, raw in tables if "encoding" in raw.facts))
    return RawTable(
        pd.concat([raw.table for _, raw in tables], ignore_index=True),
        _shown(folder),
        np.concatenate([raw.places for _, raw in tables]),
        first.unit if len({raw.unit for _, raw in tables}) == 1 else "row",
        tuple(named),
        (*notes, *more, *again, *inner, *splits),
        {"format": f"{len(tables)} {'file' if len(tables) == 1 else 'files'}: {formats}"}
        | ({"encoding": encodings} if encodings else {}),
        tuple((int(start), _inside(file, folder)) for start, (file, _) in zip(starts, tables, strict=False)),
    )


Part = tuple[Path, RawTable]


def _read_all(files: list[Path], folder: Path) -> tuple[list[Part], list[str]]:
    """Return the files as tables, which are no larger together than one file may be."""
    parts: list[Part] = []
    notes = []
    for file in files:
        try:
            parts.append((file, read_raw(file)))
        except DataError as error:
            if file.suffix.lower() not in _PROSE or len(files) == 1:
                raise
            notes.append(f"Left out of {_shown(folder)}: {_inside(file, folder)} (no table: {error})")
        ROWS.check(sum(len(raw.table) for _, raw in parts), _shown(folder))
        CELLS.check(sum(raw.table.size for _, raw in parts), _shown(folder))
    if not parts:
        raise SourceNotFoundError(f"The folder {_shown(folder)} holds no table. {notes[0]}")
    return parts, notes


def _same_spelling(parts: list[Part], folder: Path) -> list[Part]:
    """Return the tables with the columns of one of them, spelt as there; other columns are refused."""
    model_file, model = max(parts, key=lambda part: _fitness(part[1]))
    wanted = {plain(column): column for column in model.table.columns}
    same = []
    for file, raw in parts:
        names = {column: wanted.get(plain(column), column) for column in raw.table.columns}
        if set(names.values()) != set(model.table.columns):
            raise DataError(
                f"{_shown(folder)} cannot be read as one data set: {_inside(file, folder)} has the columns "
                f"{listed(raw.table)}, and {_inside(model_file, folder)} has {listed(model.table)}. Give them the same "
                f"columns, or put {_inside(file, folder)} elsewhere."
            )
        same.append((file, replace(raw, table=raw.table.rename(columns=names))))
    return same


def _fitness(raw: RawTable) -> tuple[int, int]:
    names = {plain(column) for column in raw.table.columns}
    return bool(names & set(TEXT_NAMES)) + bool(names & set(LABEL_NAMES)), len(raw.table)


def _without_repeated(parts: list[Part], folder: Path) -> tuple[list[Part], list[str]]:
    """Leave out files that hold the same rows as one before them, for example a table saved in two formats."""
    kept: list[Part] = []
    seen: dict[tuple[int, int], Path] = {}
    notes = []
    for file, raw in parts:
        columns = sorted(raw.table.columns)
        rows = raw.table[columns].astype(str).reset_index(drop=True)
        key = len(rows), int(pd.util.hash_pandas_object(rows, index=False).sum())
        # A file of a row or two is too little to be called a copy.
        if key in seen and len(rows) > 2:
            notes.append(
                f"Left out of {_shown(folder)}: {_inside(file, folder)} (the same rows as "
                f"{_inside(seen[key], folder)})."
            )
            continue
        seen.setdefault(key, file)
        kept.append((file, raw))
    return kept, notes


def _with_splits(parts: list[Part], of: dict[Path, str], folder: Path) -> tuple[list[Part], list[str]]:
    """Give rows the split that their file's name says, where the names say more than one; files of none are train."""
    said = [of[file] for file, _ in parts]
    splits = [split or "train" for split in said]
    if SPLIT_COLUMN in parts[0][1].table or not any(said):
        return parts, []
    if len(set(splits)) == 1 or "train" not in splits:
        names = ", ".join(dict.fromkeys(split for split in said if split))
        note = f"All files are called {names} by their names: their rows are pooled and split anew."
        return parts, [] if names == "train" else [note]
    marked = [
        (file, replace(raw, table=raw.table.assign(**{SPLIT_COLUMN: split})))
        for (file, raw), split in zip(parts, splits, strict=True)
    ]
    counts = {
        split: [_inside(file, folder) for (file, _), one in zip(parts, splits, strict=True) if one == split]
        for split in dict.fromkeys(splits)
    }
    words = "; ".join(f"{split} from {_several(names)}" for split, names in counts.items())
    return marked, [f"Splits are kept as the files' names say: {words}."]


def _files_below(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return the data files of a folder, in order, and a note for each reason for which others are left out."""
    files: list[Path] = []
    left_out: dict[str, list[Path]] = {"hidden": [], "of a kind that is not read": [], "a link to a folder": []}
    for path in _walk(folder):
        known = path.suffix.lower() in READERS
        if path.is_dir():
            left_out["a link to a folder"].append(path)
        elif any(part.startswith(".") for part in path.relative_to(folder).parts):
            left_out["hidden"] += [path] if known else []
        elif not known:
            left_out["of a kind that is not read"].append(path)
        elif not path.is_file():
            raise SourceNotFoundError(f"{_shown(path)} is no file that can be read. Replace it, or remove it.")
        else:
            files.append(path)
    if any(path.suffix == ".arrow" for path in files):
        left_out["about the data, not of them"] = [path for path in files if path.name in _SAVED]
        files = [path for path in files if path.name not in _SAVED]
    if not files:
        raise SourceNotFoundError(f"The folder {_shown(folder)} holds no {', '.join(READERS)} file.")
    return files, tuple(
        f"Left out of {_shown(folder)}: {_several([_inside(path, folder) for path in paths])} ({kind})."
        for kind, paths in left_out.items()
        if paths
    )


def _walk(folder: Path) -> list[Path]:
    """Return everything below a folder that is no folder itself, links to folders included, in order."""

    def refuse(problem: OSError) -> None:
        raise SourceNotFoundError(f"{problem.filename} cannot be opened ({problem.strerror}).") from problem

    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name) for name in (*links, *names)]
    return sorted(found)


def _several(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _inside(path: Path, folder: Path) -> str:
    return _shown(path.relative_to(folder))


def _shown(path: Path) -> str:
    """Return a path as a message can quote it, also where its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")
