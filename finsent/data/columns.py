"""Which column of a table holds the texts and which the labels: proposed from names and contents, or asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from finsent.data.choices import Choices
from finsent.data.formats.layouts import AFTER, ANSWER, USER
from finsent.data.formats.raw import RawTable
from finsent.data.formats.vocabulary import LABEL_NAMES, is_known, plain, share, stands_for_label
from finsent.data.questions import SHOWN_ROWS, Question
from finsent.data.schema import TEXT_NAMES, listed, quoted
from finsent.errors import ColumnAskedError, MissingColumnError

#: Pairs of names that other trainers give a prompt and its answer.
_PAIRS = (("input", "output"), ("prompt", "completion"), ("question", "answer"))
_PLACE = re.compile(r" \(column \d+\)$")
_SAMPLE = 200
#: Texts have several words; a column of shorter ones holds names or codes.
_WORDS = 3.0


@dataclass(frozen=True)
class Columns:
    """The columns that a table's texts and labels come from, and what a reader should know about the choice.

    ``label`` are several columns where they are one, spelt in several ways: the first that has a value counts.
    """

    text: str
    label: tuple[str, ...]
    notes: tuple[str, ...] = ()


def find_columns(raw: RawTable, choices: Choices) -> Columns:
    """Return the columns of a table: those chosen, or those that names or contents make clear.

    Raises:
        ColumnAskedError: it is not clear; the error has the question.
        MissingColumnError: a chosen column is not there.
    """
    text, text_note = _text(raw, choices)
    settled = replace(choices, text_column=text)
    label, label_notes = _label(raw, settled)
    return Columns(text, label, tuple(filter(None, (text_note, *label_notes))))


def _text(raw: RawTable, choices: Choices) -> tuple[str, str]:
    table = raw.table
    if choices.text_column:
        if choices.text_column not in table:
            raise MissingColumnError(
                f"{raw.name} has no column “{choices.text_column}” for the texts; it has: {listed(table)}."
            )
        return choices.text_column, _taken("Texts", choices.text_column, "text", _named(table, TEXT_NAMES))
    if AFTER in table:
        why = "Every message begins with the same words, and where the text begins is not clear"
        raise _ask(raw, choices, "text_column", (AFTER, USER), why)
    fitting = _named(table, TEXT_NAMES)
    if not fitting and USER in table:
        return USER, ""
    pair = _pair(table)
    if pair and not fitting:
        return pair[0], _taken("Texts", pair[0], "text", [])
    exact = [column for column in fitting if column == "text"]
    if len(fitting) == 1 or exact:
        found = exact[0] if exact else fitting[0]
        return found, _taken("Texts", found, "text", fitting)
    if fitting:
        raise _ask(raw, choices, "text_column", fitting, "several columns that could hold the texts")
    long = [column for column in names_of(table) if _has_texts(table[column])]
    if len(long) == 1:
        return long[0], f"Texts are taken from the column “{long[0]}”, the only one with sentences in it."
    raise _ask(raw, choices, "text_column", long or names_of(table), _no_column("text", TEXT_NAMES[1:]))


def _label(raw: RawTable, choices: Choices) -> tuple[tuple[str, ...], list[str]]:
    table = raw.table
    rest = table.drop(columns=[choices.text_column])
    named = _named(rest, LABEL_NAMES)
    if choices.label_column:
        chosen = _chosen(choices.label_column, table, raw.name)
        return chosen, [_taken("Labels", " or ".join(chosen), "label", [])]
    if ANSWER in rest:
        return (ANSWER,), []
    pair = _pair(table)
    if pair and pair[0] == choices.text_column and not named:
        return (pair[1],), [_taken("Labels", pair[1], "label", [])]
    if not named:
        known = [column for column in names_of(rest) if share(_words(rest[column]), is_known) > 0.5]
        coded = [column for column in names_of(rest) if _is_coded(rest[column]) and column.startswith("column ")]
        if len(found := known or coded) == 1:
            return (found[0],), [f"Labels are taken from the column “{found[0]}”, whose values are few and short."]
        raise _ask(raw, choices, "label_column", found or names_of(rest), _no_column("label", LABEL_NAMES[1:5]))
    exact = [column for column in named if column == "label"] or [one for one in named if plain(one) == "label"]
    found = exact if len(exact) == 1 else named
    if len(found) > 1:
        known = [column for column in found if share(_words(rest[column]), is_known) > 0.5]
        found = known if len(known) == 1 else found
    if len(found) > 1:
        raise _ask(raw, choices, "label_column", found, "several columns that could hold the labels")
    notes = [_taken("Labels", found[0], "label", [])]
    notes += [_differs(table, found[0], other) for other in named if other != found[0]]
    return (found[0],), notes


def names_of(table: pd.DataFrame) -> list[str]:
    """Return the names of a table's columns, which are texts once it is read."""
    return [str(column) for column in table.columns]


def first_given(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return of each row the value of the first of some columns that has one."""
    values = table[columns[0]].astype(object)
    for column in columns[1:]:
        values = values.where(values.notna() & values.ne(""), table[column])
    return values


def _chosen(given: str, table: pd.DataFrame, name: str) -> tuple[str, ...]:
    columns = [given] if given in table else [part.strip() for part in given.split(",")]
    for column in columns:
        if column not in table:
            raise MissingColumnError(f"{name} has no column “{column}” for the labels; it has: {listed(table)}.")
    return tuple(columns)


def _named(table: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns that have one of some names, whatever the case, the space around it, and their place."""
    return [column for column in names_of(table) if plain(_PLACE.sub("", column)) in names]


def _pair(table: pd.DataFrame) -> tuple[str, str] | None:
    by_name = {plain(column): column for column in table.columns}
    found = [(by_name[one], by_name[other]) for one, other in _PAIRS if one in by_name and other in by_name]
    return found[0] if found else None


def _words(values: pd.Series) -> list[str]:
    return [value for value in values.iloc[:_SAMPLE] if isinstance(value, str)]


def _has_texts(values: pd.Series) -> bool:
    words = [value for value in _words(values) if value.strip()]
    return bool(words) and sum(len(value.split()) for value in words) / len(words) >= _WORDS


def _is_coded(values: pd.Series) -> bool:
    words = [value for value in _words(values) if value.strip()]
    return share(words, stands_for_label) > 0.8 and len(set(words)) <= max(2, len(words) / 2)


def _taken(what: str, column: str, usual: str, fitting: Sequence[str]) -> str:
    others = [one for one in fitting if one != column]
    if column == usual and not others:
        return ""
    return f"{what} are taken from the column “{column}”{f', not from {quoted(others)}' if others else ''}."


def _differs(table: pd.DataFrame, column: str, other: str) -> str:
    if plain(other) == plain(column):
        return ""
    unlike = int((table[column].map(_plainly) != table[other].map(_plainly)).sum())
    return f"“{other}” could hold the labels, too; it differs from “{column}” in {unlike:,} of {len(table):,} rows."


def _plainly(value: object) -> str:
    return plain(str(value))


def _no_column(wanted: str, others: Sequence[str]) -> str:
    return f"no column {wanted}, nor one of another name for it ({', '.join(others)})"


def _ask(raw: RawTable, choices: Choices, kind: str, columns: Sequence[str], why: str) -> ColumnAskedError:
    what = "texts" if kind == "text_column" else "labels"
    option = f"--{kind.replace('_', '-')}"
    fitting = f": {quoted(columns)}" if why.startswith("several") else ""
    if why[0].isupper():
        words = f"{raw.name}: {why[0].lower()}{why[1:]}. Choose one of {quoted(columns)} with {option}."
    else:
        how = f"Say which one holds the {what}: {option} NAME."
        words = f"{raw.name} has {why}{fitting}; it has: {listed(raw.table)}. {how}"
    question = Question(
        kind,  # type: ignore[arg-type]
        f"Which column holds the {what}?",
        raw.table.head(SHOWN_ROWS),
        choices,
        (*columns, *(one for one in raw.table.columns if one not in columns)),
    )
    return ColumnAskedError(words, question)
