"""Data sets: any source as one validated table, its filter, its split.

A source is ``embedded`` (the project's own headlines), ``hub`` (sujet-ai/Sujet-Finance-Instruct-177k), another data set
of the hub (``owner/name[@revision]``), or a file or folder; each in the Sujet columns or with ``text,label``. Every
source is brought into the Sujet columns first and takes the same path from there: keep
``task_type == "sentiment_analysis"``, validate, number.

The table has the columns of :data:`finsent.data.schema.VALIDATED`; ``label`` is one of five, ``prompt`` the ``inputs``
column, byte for byte.
"""

import hashlib
import io
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.data.checks import find_issues
from finsent.data.choices import NOTHING_CHOSEN, Choices
from finsent.data.formats.raw import RawTable, RefusedRow, on_one_line, refused_table
from finsent.data.hub_reading import read_hub
from finsent.data.hub_set import names_data_set
from finsent.data.reading import Reading, read_raw
from finsent.data.schema import GIVEN_SPLIT, SUJET, missing, refuse_empty
from finsent.data.sources import (
    CARD_FILE,
    EMBEDDED,
    HUB,
    embedded_table,
    hub_table,
    local_path,
    local_table,
)
from finsent.data.splits import SPLITS, complete_split, given_splits, grouped_split, split_notes
from finsent.data.stored import with_stored_choices
from finsent.data.sujet import TASK, in_sujet_columns
from finsent.errors import EmptyDataError, MissingColumnError, UnknownLabelError
from finsent.hub import HUB_DATASET
from finsent.labels import FIVE_LABELS, answers_in, join_answers

MIN_ROWS = 10
#: Columns of rows of other tasks, and what they are called once they are only looked at.
_OTHERS = {"user_prompt": "text", "answer": "label", "dataset": "source", "task_type": "task"}
#: Values that a message lists with their counts.
_NAMED = 8


@dataclass(frozen=True)
class SentimentData:
    """A validated data set: ``rows`` has the columns of :data:`finsent.data.schema.VALIDATED`.

    ``fingerprint`` is the SHA-256 of its rows; ``total_rows`` counts those filtered out; ``notes`` are sentences about
    what was decided or left out while it was read. ``refused`` are rows of the file that are left out, ``facts`` pairs
    of words about how it was read (format, encoding, header), ``choices`` what was decided for it, and ``columns``
    the names of its columns where they are those of a text and a label. ``others`` are the rows of other tasks, where
    they were asked for: ``row_id``, ``text``, ``label`` (their answer), ``source`` and ``task``.
    """

    source: str
    title: str
    rows: pd.DataFrame
    fingerprint: str
    total_rows: int
    synthetic: bool
    notes: tuple[str, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    choices: Choices = NOTHING_CHOSEN
    columns: tuple[str, ...] = ()
    others: pd.DataFrame | None = None


def load_data(source: str, choices: Choices = NOTHING_CHOSEN, others: bool = False) -> SentimentData:
    """Return the validated sentiment rows of a source; ``choices`` are what was decided about a file.

    With ``others`` the rows of other tasks are kept beside them, to be looked at.

    Raises:
        DataError: the source cannot be used (no such path, missing column, unknown label, nothing in it, rows that
            cannot be read and may not be left out); the message says where and what to do.
        ColumnAskedError, LabelsAskedError: something about it has to be chosen; the error has the question.
        HubUnreachableError: the data are the hub's, and the hub does not give them.
        UsageError, DiskFullError: see :func:`finsent.data.hub_reading.read_hub`.
    """
    if source == EMBEDDED:
        return _checked(source, "Lab headlines (synthetic, CC0)", Reading(embedded_table()), others)
    if source == HUB:
        return _checked(source, HUB_DATASET, Reading(hub_table()), others)
    if names_data_set(source):
        raw = read_hub(source, choices)
        return understand(raw, source, raw.name, raw.name, choices, others)
    path = local_path(source)
    choices = with_stored_choices(str(path), choices)
    return understand(local_table(path), source, path.name, path.name if path.is_dir() else path.stem, choices, others)


def load_upload(content: bytes, name: str, choices: Choices = NOTHING_CHOSEN) -> SentimentData:
    """Return the validated sentiment rows of a file's content; ``name`` gives its kind. Nothing is written.

    Raises:
        DataError: see :func:`load_data`.
    """
    name = Path(name).name
    return understand(read_raw(io.BytesIO(content), name), name, name, Path(name).stem, choices)


def understand(
    raw: RawTable, source: str, title: str, dataset: str, choices: Choices, others: bool = False
) -> SentimentData:
    """Return the validated sentiment rows of a table as it was read; raises as :func:`load_data`.

    ``title`` is what messages call it, ``dataset`` what its rows name as where they come from.
    """
    title = on_one_line(title)
    reading = in_sujet_columns(replace(raw, name=title), dataset, choices)
    return replace(_checked(source, title, reading, others), choices=choices)


def validate(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the sentiment rows of a table in the Sujet columns, checked; ``name`` is what messages call it.

    Raises:
        MissingColumnError, UnknownLabelError, EmptyDataError: rows are named by their place in the table, from 1.
    """
    absent = missing(SUJET, table)
    if absent:
        wanted = ", ".join(column.name for column in SUJET if column.required)
        raise MissingColumnError(f"{name} has no column {', '.join(absent)}. It needs the Sujet columns {wanted}.")
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
    splits = given_splits(kept)
    if splits is not None:
        rows[GIVEN_SPLIT] = splits
    return rows.reset_index(drop=True)


def split_rows(rows: pd.DataFrame, seed: int = 42, grouped: bool = False) -> pd.DataFrame:
    """Return the rows with a column ``split``: 80 % train, 10 % validation, 10 % test, as the tutorial draws them.

    ``train_test_split(test_size=0.2)``, then the held-out part again in halves: the second call's *train* half is
    the test split and its *test* half the validation split. Splits that the source itself gives are kept; see
    :func:`finsent.data.splits.complete_split`. A ``grouped`` split keeps twins together, and draws anew what the source
    gives; see :func:`finsent.data.splits.grouped_split`.

    Raises:
        EmptyDataError: there are fewer than ten rows, or fewer than three groups of them.
    """
    from datasets import Dataset

    if len(rows) < MIN_ROWS:
        raise EmptyDataError(f"There are {len(rows)} sentiment rows; a split needs {MIN_ROWS} or more.")
    if grouped:
        return rows.drop(columns=GIVEN_SPLIT, errors="ignore").assign(split=grouped_split(rows, seed))
    if GIVEN_SPLIT in rows:
        return rows.drop(columns=GIVEN_SPLIT).assign(split=complete_split(rows[GIVEN_SPLIT], seed).to_numpy())
    if "transformers" in sys.modules:
        # datasets looks into it where it is loaded. While another thread still loads it, that would be half of it.
        import_module("transformers")
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


def fingerprint(rows: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of a data table's ids, labels and prompts, and the splits that it gives, in order."""
    digest = hashlib.sha256()
    for column in ("row_id", "label", "prompt", *([GIVEN_SPLIT] if GIVEN_SPLIT in rows else [])):
        # A zero byte ends each value, so that moving a letter from one to the next is another data set.
        digest.update("".join(f"{value}\0" for value in rows[column].to_numpy(object)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def describe(data: SentimentData) -> dict[str, Any]:
    """Return the counts of a data set: source, rows, labels, splits, families and findings, as plain values."""
    rows = split_rows(data.rows)
    labels = rows["label"].value_counts()
    return {
        "source": data.source,
        "title": data.title,
        "rows": len(rows),
        "total_rows": data.total_rows,
        "refused": len(data.refused),
        "refused_rows": refused_table(data.refused).to_dict("records"),
        "read_as": dict(data.facts),
        "labels": {label: int(labels[label]) for label in FIVE_LABELS if label in labels},
        "splits": {split: int((rows["split"] == split).sum()) for split in SPLITS},
        "families": {name: int(count) for name, count in rows["source"].value_counts().items()},
        "synthetic": data.synthetic,
        "sha256": data.fingerprint,
        "notes": list(data.notes),
        "findings": [finding.as_json() for finding in find_issues(rows)],
    }


def data_card(data: SentimentData) -> str:
    """Return what is known of where a data set comes from; of the embedded one its card (Markdown)."""
    if data.synthetic:
        return CARD_FILE.read_text(encoding="utf-8")
    if data.source == HUB:
        return (
            f"{HUB_DATASET} collects instructions for finance from several public data sets; the rows kept "
            "here are those for sentiment analysis. Its own card on the hub names the data sets and their licences."
        )
    if names_data_set(data.source):
        return f"{data.title} is a data set of the model hub, whose card there says where it comes from."
    return f"{data.title} is your own data: only you know where it comes from and who labelled it."


def _checked(source: str, title: str, reading: Reading, others: bool = False) -> SentimentData:
    rows = validate(reading.table, title)
    total = len(reading.table) if reading.total is None else reading.total
    return SentimentData(
        source,
        title,
        rows,
        fingerprint(rows),
        total,
        source == EMBEDDED,
        reading.notes + split_notes(rows),
        reading.refused,
        reading.facts,
        columns=reading.columns,
        others=_others(reading.table) if others else None,
    )


def _others(table: pd.DataFrame) -> pd.DataFrame:
    ids = [name for name in ("row_id", "Unnamed: 0") if name in table]
    # Of the wide column with the prompts nothing is copied.
    other = table.reset_index(drop=True).loc[(table["task_type"] != TASK).to_numpy(), [*ids, *_OTHERS]]
    said = other[list(_OTHERS)].fillna("").astype("str")
    said.columns = pd.Index(_OTHERS.values())
    return said.assign(row_id=_row_ids(other))


def _row_ids(kept: pd.DataFrame) -> pd.Series:
    for column in ("row_id", "Unnamed: 0"):
        if column in kept and kept[column].notna().all() and kept[column].astype(str).is_unique:
            ids = kept[column]
            # Numbers become floats where a row of another task has none.
            return (ids.astype("Int64") if pd.api.types.is_float_dtype(ids) else ids).astype(str)
    return kept.index.to_series().astype(str)


def _refuse_labels(given: pd.Series, bad: pd.Series, name: str, advice: str) -> None:
    if bad.any():
        counts = given[bad].str.strip().str[:40].value_counts()
        shown = ", ".join(f"“{value}” ({count:,})" for value, count in counts.head(_NAMED).items())
        more = f" and {len(counts) - _NAMED:,} others" if len(counts) > _NAMED else ""
        first = int(bad.to_numpy().argmax())
        raise UnknownLabelError(
            f"{name}: {int(bad.sum()):,} of {len(given):,} rows have a label that cannot be used: {shown}{more}; the "
            f"first is “{given.iloc[first][:40]}” in row {given.index[first] + 1:,}. {advice}"
        )
