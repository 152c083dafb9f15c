"""The columns of the tables that data pass through: their names, their types, and which must be there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finsent.errors import EmptyDataError, MissingColumnError
from finsent.labels import FIVE_LABELS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column: its name, the type of its values, and whether a table cannot do without it."""

    name: str
    kind: type[str] | type[float] = str
    required: bool = True


#: A file as people keep them: a text and its label on each row. What else is there decides about prompts and names.
SIMPLE = (
    Column("text"),
    Column("label"),
    Column("family", required=False),
    Column("topic", required=False),
    Column("dataset", required=False),
    Column("system_prompt", required=False),
    Column("row_id", required=False),
)
#: A data set laid out as Sujet-Finance-Instruct-177k, which every source is brought into first.
SUJET = (
    Column("inputs"),
    Column("answer"),
    Column("system_prompt"),
    Column("user_prompt"),
    Column("task_type"),
    Column("dataset"),
    Column("topic", required=False),
    Column("row_id", required=False),
)
#: The column of the validated table that holds the splits which the source itself gives; there only where it does.
GIVEN_SPLIT = "given_split"
#: The validated table that everything else works on. ``row_id`` is unique, ``answers`` the prompt's answer set.
VALIDATED = (
    Column("row_id"),
    Column("text"),
    Column("label"),
    Column("system_prompt"),
    Column("prompt"),
    Column("answers"),
    Column("source"),
    Column("topic"),
)
#: What is kept of a training row.
TRAINED = tuple(Column(name) for name in ("row_id", "text", "label", "answers"))
#: What a predictions table says of its row, and what a model says about it.
JUDGED = (*TRAINED, Column("source"), Column("topic"), Column("split"))
LOGP = tuple(Column(f"logp_{label}", float) for label in FIVE_LABELS)
ANSWERED = (
    Column("predicted"),
    Column("confidence", float),
    Column("generated", required=False),
    Column("generated_label", required=False),
)

#: What people call the column with the texts, in any case and with spaces around it.
TEXT_NAMES = ("text", "headline", "title", "sentence", "news", "tweet", "body")
_KINDS = {str: "texts", float: "numbers"}
#: Column names that a message lists are cut to this many characters in all.
_LISTED = 300


def names(columns: Iterable[Column]) -> list[str]:
    """Return the columns' names."""
    return [column.name for column in columns]


def missing(columns: Iterable[Column], table: "pd.DataFrame") -> list[str]:
    """Return the names of the columns that the table must have and lacks."""
    return [column.name for column in columns if column.required and column.name not in table]


def fault(columns: Iterable[Column], table: "pd.DataFrame") -> str:
    """Return in words why a table is not one of these columns, "" where it is; columns beyond them do not matter.

    A column that must be there has a text in every row, or numbers, of which some may be missing and none is infinite.
    """
    columns = list(columns)
    absent = missing(columns, table)
    if absent:
        return f"it has no column {', '.join(absent)}"
    wrong = [column for column in columns if column.name in table and not _fits(column, table[column.name])]
    return f"its column {wrong[0].name} does not hold {_KINDS[wrong[0].kind]}" if wrong else ""


def _fits(column: Column, values: "pd.Series") -> bool:
    import pandas as pd

    if column.kind is float:
        numbers = pd.api.types.is_float_dtype(values) or pd.api.types.is_integer_dtype(values)
        return numbers and not np.isinf(values.to_numpy(dtype=float, na_value=np.nan)).any()
    texts = pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
    return texts and (not column.required or bool(values.notna().all()))


def listed(table: "pd.DataFrame") -> str:
    """Return the names of a table's columns as a message lists them."""
    return ", ".join(map(str, table.columns))[:_LISTED]


@dataclass(frozen=True)
class TextColumn:
    """The column of a table that holds its texts, and the others that are named as if they could."""

    name: str
    others: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What a reader should know about the choice; empty where the column is called text and no other could be."""
        if self.name == "text" and not self.others:
            return ""
        others = f", not from {quoted(self.others)}" if self.others else ""
        return f"Texts are taken from the column “{self.name}”{others}."


def text_columns(table: "pd.DataFrame") -> list[str]:
    """Return the columns that are named as one with texts, whatever the case and the spaces around the name."""
    return [column for column in table.columns if str(column).strip().lower() in TEXT_NAMES]


def proposed_text_column(table: "pd.DataFrame") -> str | None:
    """Return the column called ``text``, or the only one named as one with texts; None where that is not clear."""
    fitting = text_columns(table)
    if "text" in fitting:
        return "text"
    return fitting[0] if len(fitting) == 1 else None


def find_text_column(table: "pd.DataFrame", name: str, advice: str, chosen: str | None = None) -> TextColumn:
    """Return the column with the texts: the chosen one, the one called ``text``, or the only one named as one.

    ``name`` is what messages call the table, and ``advice`` a whole sentence that says how to choose.

    Raises:
        MissingColumnError: the chosen column is not there, or none or several are named as one with texts.
    """
    if chosen is not None and chosen not in table:
        raise MissingColumnError(f"{name} has no column “{chosen}”; it has: {listed(table)}. {advice}")
    fitting = text_columns(table)
    found = chosen or proposed_text_column(table)
    if found is not None:
        return TextColumn(found, tuple(column for column in fitting if column != found))
    if fitting:
        raise MissingColumnError(
            f"{name} has several columns that could hold the texts: {quoted(fitting)}; it has: {listed(table)}. "
            f"{advice}"
        )
    raise MissingColumnError(
        f"{name} has no column text, nor one of another name for it ({', '.join(TEXT_NAMES[1:])}); it has: "
        f"{listed(table)}. {advice}"
    )


def refuse_empty(table: "pd.DataFrame", columns: Iterable[str], name: str) -> None:
    """Raise EmptyDataError where a cell of these columns is missing or blank; rows are counted from 1."""
    for column in columns:
        bad = table[column].isna() | table[column].astype(str).str.strip().eq("")
        if bad.any():
            first = int(bad.to_numpy().argmax())
            raise EmptyDataError(
                f"{name}: {int(bad.sum()):,} of {len(table):,} rows have an empty {column}, the first is row "
                f"{table.index[first] + 1:,}. Fill it or remove such rows."
            )


def quoted(columns: Iterable[str]) -> str:
    """Return names as a message quotes them."""
    return ", ".join(f"“{column}”" for column in columns)
