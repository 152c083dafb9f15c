"""The columns of Sujet-Finance-Instruct-177k: every source is brought into them, and takes one path from there."""

import pandas as pd

from finsent.data.cells import broken, with_texts
from finsent.data.choices import NOTHING_CHOSEN, Choices
from finsent.data.columns import find_columns, first_given, names_of
from finsent.data.formats.one_hot import with_one_label
from finsent.data.formats.raw import RawTable, refusal
from finsent.data.labelling import map_labels
from finsent.data.reading import Reading
from finsent.data.schema import SIMPLE, SUJET, listed, missing
from finsent.data.splits import SPLIT_COLUMN
from finsent.errors import DataError, MissingColumnError
from finsent.labels import BEARISH, BULLISH, NEGATIVE, NEWS_ANSWERS, POSITIVE, POST_ANSWERS
from finsent.prompts import build_prompt, system_prompt_for

TASK = "sentiment_analysis"
#: Columns beside text and label that are kept: what prompts, rows and findings are called by.
_EXTRAS = ("family", "topic", "dataset", "system_prompt", "row_id", "Unnamed: 0", SPLIT_COLUMN)
_WANTED = [column.name for column in SIMPLE if column.required]


def in_sujet_columns(raw: RawTable, dataset: str, choices: Choices = NOTHING_CHOSEN) -> Reading:
    """Return a table as it is if it has the Sujet columns, else one with a text and a label brought into them.

    The text and the label may have another of the names that people give them (see :mod:`finsent.data.columns`), which
    a note then says; what a label means is asked for where its word does not say it.

    Raises:
        DataError: rows cannot be used, and ``choices`` do not say that they may be left out; all of them are counted.
        MissingColumnError, LabelsAskedError: see :mod:`finsent.data.columns` and :mod:`finsent.data.labelling`.
    """
    table = raw.table
    if not choices.text_column and {"inputs", "answer", "user_prompt"} & set(table.columns) and not _is_simple(table):
        _refuse_missing(missing(SUJET, table), table, raw.name)
        _stop_at_refused(raw, choices)
        return Reading(table, raw.notes, raw.refused, tuple(raw.facts.items()), raw.total)
    total = raw.total
    if not choices.label_column:
        raw = with_one_label(raw)
        table = raw.table
    columns = find_columns(raw, choices)
    cells = first_given(table, columns.label)
    raw, texts, text_notes = with_texts(raw, columns.text)
    raw, labels, label_notes = map_labels(raw, columns.label, cells[texts.index], texts, choices)
    _stop_at_refused(raw, choices)
    kept = raw.table
    simple = pd.DataFrame({"text": texts[kept.index], "label": labels[kept.index]}, index=kept.index)
    for extra in _EXTRAS:
        if extra in kept and extra not in (columns.text, *columns.label):
            simple[extra] = kept[extra].map(_whole) if kept[extra].dtype == object else kept[extra]
    notes = [*raw.notes, *columns.notes, *text_notes, *label_notes]
    if "family" in simple and not _says_family(simple["family"]):
        simple = simple.drop(columns="family")
        notes.append("The column “family” does not say news or post, so that no prompt depends on it.")
    facts = {**raw.facts, "texts from": columns.text, "labels from": " or ".join(columns.label)}
    names = tuple(names_of(table))
    return Reading(to_sujet(simple, dataset), tuple(notes), raw.refused, tuple(facts.items()), total, names)


def _whole(value: object) -> object:
    """Return a value with halves of characters replaced, which no file could be written with."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and broken(value) else value


def _is_simple(table: pd.DataFrame) -> bool:
    return "inputs" not in table and ("text" in table or "label" in table)


def _says_family(values: pd.Series) -> bool:
    given = {str(value).strip().lower() for value in values.dropna()} - {""}
    return bool(given) and given <= {"news", "post"}


def _stop_at_refused(raw: RawTable, choices: Choices) -> None:
    if raw.refused and (raw.table.empty or not choices.leave_out):
        raise refusal(raw.name, raw.refused, len(raw.table), notes=raw.notes)


def _refuse_missing(absent: list[str], table: pd.DataFrame, name: str) -> None:
    if absent:
        raise MissingColumnError(
            f"{name} has no column {', '.join(absent)}. It needs either {','.join(_WANTED)} or the Sujet columns "
            f"{', '.join(column.name for column in SUJET if column.required)}; it has: {listed(table)}."
        )


def to_sujet(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return a table with ``text,label`` (and perhaps ``family``, ``topic``, ``dataset``) in the Sujet columns.

    Market posts are rows labelled bearish or bullish, rows whose ``family`` is ``post``, and all rows of a table
    that has neither a positive nor a negative one. A ``system_prompt`` of a row's own goes before that.

    Raises:
        DataError: nothing says whether a neutral row is news or a post.
    """
    label = table["label"].astype(str).str.strip().str.lower()
    post, news = label.isin([BEARISH, BULLISH]), label.isin([POSITIVE, NEGATIVE])
    own = table.get("system_prompt", pd.Series("", index=table.index)).astype("string").fillna("")
    bare = own.str.strip() == ""
    if "family" in table:
        post |= table["family"].astype(str).str.strip().str.lower().eq("post")
    elif post.any() and not news.any():
        post[:] = True
    elif post.any() and (bare & ~post & ~news).any():
        # Taken for news, every neutral post would have a prompt that gives its label away.
        raise DataError(
            f"{dataset} has labels of news (positive, negative) and of posts (bearish, bullish), and a neutral row may "
            "be either. Add a column “family” that says news or post."
        )
    prompts = post.map({True: system_prompt_for(POST_ANSWERS), False: system_prompt_for(NEWS_ANSWERS)})
    prompts = prompts.where(bare, own)
    text = table["text"].astype(str)
    sujet = pd.DataFrame(
        {
            "inputs": [build_prompt(prompt, one) for prompt, one in zip(prompts, text, strict=True)],
            "answer": table["label"],
            "system_prompt": prompts,
            "user_prompt": text,
            "task_type": TASK,
            "dataset": table.get("dataset", dataset),
        }
    )
    for extra in ("topic", "row_id", "Unnamed: 0", SPLIT_COLUMN):
        if extra in table:
            sujet[extra] = table[extra]
    return sujet
