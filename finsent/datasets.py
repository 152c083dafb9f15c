"""Data sets: any source as one validated table, its filter, its split, its export.

A source is ``embedded`` (the project's own headlines), ``hub`` (sujet-ai/Sujet-Finance-Instruct-177k) or a file or
folder in the Sujet columns or with ``text,label``. Every source is brought into the Sujet columns first and takes
the same path from there: keep ``task_type == "sentiment_analysis"``, validate, number.

The table has the columns ``row_id`` (unique), ``text``, ``label`` (one of five), ``system_prompt``, ``prompt`` (the
``inputs`` column, byte for byte), ``answers`` (the prompt's answer set), ``source`` and ``topic``.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.errors import EmptyDataError, MissingColumnError, SourceNotFoundError, UnknownLabelError
from finsent.labels import FIVE_LABELS, answers_in, join_answers
from finsent.sources import (
    EMBEDDED,
    HUB,
    HUB_DATASET,
    SUJET_COLUMNS,
    TASK,
    embedded_table,
    hub_table,
    in_sujet_columns,
    local_path,
    local_table,
    read_table,
    refuse_empty,
)

SPLITS = ("train", "validation", "test")
MIN_ROWS = 10

#: What a spreadsheet may take for the beginning of a formula, full-width forms included (OWASP, "CSV Injection").
_FORMULA = r"\s*[=+\-@|%＝＋－＠]|[\t\r\n]"


@dataclass(frozen=True)
class SentimentData:
    """A validated data set. ``fingerprint`` is the SHA-256 of its rows; ``total_rows`` counts those filtered out."""

    source: str
    title: str
    rows: pd.DataFrame
    fingerprint: str
    total_rows: int
    synthetic: bool


def load_data(source: str) -> SentimentData:
    """Return the validated sentiment rows of a source.

    Raises:
        DataError: the source cannot be used (no such path, missing column, unknown label, nothing in it, not UTF-8);
            the message says where and what to do.
        HubUnreachableError: the data are the hub's, and the hub does not answer.
    """
    if source == EMBEDDED:
        return _checked(source, "Lab headlines (synthetic, CC0)", embedded_table())
    if source == HUB:
        return _checked(source, HUB_DATASET, hub_table())
    path = local_path(source)
    return _checked(source, path.name, local_table(path))


def load_upload(content: bytes, name: str) -> SentimentData:
    """Return the validated sentiment rows of a file's content; ``name`` gives its kind. Nothing is written.

    Raises:
        DataError: see :func:`load_data`.
    """
    name = Path(name).name
    table = in_sujet_columns(read_table(io.BytesIO(content), name), name, Path(name).stem)
    return _checked(name, name, table)


def source_version(source: str) -> str:
    """Return what changes when a source's files change (names, sizes, times), so that a cache can tell."""
    try:
        path = local_path(source)
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
        return ";".join(f"{file}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files if file.is_file())
    except (OSError, SourceNotFoundError):
        return ""


def validate(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the sentiment rows of a table in the Sujet columns, checked; ``name`` is what messages call it.

    Raises:
        MissingColumnError, UnknownLabelError, EmptyDataError: rows are named by their place in the table, from 1.
    """
    missing = [column for column in SUJET_COLUMNS if column not in table]
    if missing:
        raise MissingColumnError(
            f"{name} has no column {', '.join(missing)}. It needs the Sujet columns {', '.join(SUJET_COLUMNS)}."
        )
    table = table.reset_index(drop=True)
    kept = table[table["task_type"] == TASK]
    if kept.empty:
        raise EmptyDataError(
            f"{name} has {len(table):,} rows and none whose task_type is “{TASK}”. Give a file with labelled texts."
        )
    refuse_empty(kept, ("inputs", "answer", "system_prompt", "user_prompt"), name)
    system_prompt, given = kept["system_prompt"].astype(str), kept["answer"].astype(str)
    label = given.str.strip().str.lower()
    _refuse_labels(given, ~label.isin(FIVE_LABELS), name, f"Labels are: {', '.join(FIVE_LABELS)}.")
    sets = {prompt: answers_in(prompt) for prompt in system_prompt.unique()}
    answers = system_prompt.map({prompt: join_answers(named) for prompt, named in sets.items()})
    for prompt, named in sets.items():
        outside = system_prompt.eq(prompt) & ~label.isin(named)
        offered = f"offers {', '.join(named)}" if named else "names no label"
        _refuse_labels(given, outside, name, f"The system prompt of that row {offered}.")
    rows = pd.DataFrame(
        {
            "row_id": _row_ids(kept),
            "text": kept["user_prompt"].astype(str),
            "label": label,
            "system_prompt": system_prompt,
            "prompt": kept["inputs"].astype(str),
            "answers": answers,
            "source": kept["dataset"].fillna("").astype(str),
            "topic": kept["topic"].fillna("").astype(str) if "topic" in kept else "",
        }
    )
    return rows.reset_index(drop=True)


def split_rows(rows: pd.DataFrame, seed: int = 42) -> pd.DataFrame:
    """Return the rows with a column ``split``: 80 % train, 10 % validation, 10 % test, as the tutorial draws them.

    ``train_test_split(test_size=0.2)``, then the held-out part again in halves: the second call's *train* half is
    the test split and its *test* half the validation split.

    Raises:
        EmptyDataError: there are fewer than ten rows.
    """
    from datasets import Dataset

    if len(rows) < MIN_ROWS:
        raise EmptyDataError(f"There are {len(rows)} sentiment rows; a split needs {MIN_ROWS} or more.")
    first = Dataset.from_dict({"place": range(len(rows))}).train_test_split(test_size=0.2, seed=seed)
    halves = first["test"].train_test_split(test_size=0.5, seed=seed)
    split = pd.Series("train", index=range(len(rows)))
    # [:] reads a column at once; without it, datasets reads it row by row.
    split.iloc[halves["train"][:]["place"]] = "test"
    split.iloc[halves["test"][:]["place"]] = "validation"
    return rows.assign(split=split.to_numpy())


def sample_rows(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return ``count`` rows drawn without replacement, in the table's order; all rows where there are no more."""
    if count >= len(rows):
        return rows.reset_index(drop=True)
    return rows.sample(count, random_state=seed).sort_index().reset_index(drop=True)


def filter_rows(rows: pd.DataFrame, search: str = "", **chosen: Sequence[str]) -> pd.DataFrame:
    """Return the rows whose text contains ``search`` (literally, whatever the case) and whose columns match.

    ``chosen`` names columns with the values to keep, for example ``label=["neutral"]``; an empty list keeps all.
    """
    keep = pd.Series(True, index=rows.index)
    for column, values in chosen.items():
        if values:
            keep &= rows[column].isin(list(values))
    if search:
        keep &= rows["text"].str.lower().str.contains(search.lower(), regex=False)
    return rows[keep]


def fingerprint(rows: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of a data table's ids, labels and prompts, in order."""
    digest = hashlib.sha256()
    for column in ("row_id", "label", "prompt"):
        for value in rows[column]:
            # A zero byte ends each value, so that moving a letter from one to the next is another data set.
            digest.update(value.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def describe(data: SentimentData) -> dict[str, Any]:
    """Return the counts of a data set: source, rows, labels, splits, families and findings, as plain values."""
    from finsent.checks import find_issues

    rows = split_rows(data.rows)
    labels = rows["label"].value_counts()
    return {
        "source": data.source,
        "title": data.title,
        "rows": len(rows),
        "total_rows": data.total_rows,
        "labels": {label: int(labels[label]) for label in FIVE_LABELS if label in labels},
        "splits": {split: int((rows["split"] == split).sum()) for split in SPLITS},
        "families": {name: int(count) for name, count in rows["source"].value_counts().items()},
        "synthetic": data.synthetic,
        "sha256": data.fingerprint,
        "findings": [finding.as_json() for finding in find_issues(rows)],
    }


def export_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV (UTF-8 with a mark, so that spreadsheets read it), safe against formula injection.

    A text or column name that a spreadsheet would run as a formula gets an apostrophe in front, and texts are
    quoted, so that none can begin a cell of its own (OWASP, "CSV Injection").
    """
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            text = safe[column].astype("string")
            safe[column] = text.where(~text.str.match(_FORMULA, na=False), "'" + text)
    safe.columns = [f"'{name}" if pd.Series([name]).str.match(_FORMULA).item() else name for name in map(str, safe)]
    return safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode("utf-8-sig")


def _checked(source: str, title: str, table: pd.DataFrame) -> SentimentData:
    rows = validate(table, title)
    return SentimentData(source, title, rows, fingerprint(rows), len(table), source == EMBEDDED)


def _row_ids(kept: pd.DataFrame) -> pd.Series:
    for column in ("row_id", "Unnamed: 0"):
        if column in kept and kept[column].notna().all() and kept[column].astype(str).is_unique:
            ids = kept[column]
            # Numbers become floats where a row of another task has none.
            return (ids.astype("Int64") if pd.api.types.is_float_dtype(ids) else ids).astype(str)
    return kept.index.to_series().astype(str)


def _refuse_labels(given: pd.Series, bad: pd.Series, name: str, advice: str) -> None:
    if bad.any():
        first = bad.idxmax()
        raise UnknownLabelError(
            f"{name}: {int(bad.sum()):,} of {len(given):,} rows have a label that cannot be used, the first is "
            f"“{given[first][:40]}” in row {int(first) + 1:,}. {advice}"
        )
