"""A column for each label instead of one for all: brought to one where each row says yes once."""

from dataclasses import replace

import pandas as pd

from finsent.data.formats.raw import RawTable
from finsent.data.formats.vocabulary import LABEL_NAMES, is_number, plain
from finsent.data.schema import quoted
from finsent.errors import MissingColumnError
from finsent.labels import FIVE_LABELS

_LABEL = "label"
_MEANINGS = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "no": 0.0, "yes": 1.0}


def with_one_label(raw: RawTable) -> RawTable:
    """Return a table that has a column for each label with a column ``label``; any other as it is.

    A row that says yes to several labels has them all there, and one that says yes to none has nothing.

    Raises:
        MissingColumnError: the columns hold shares or scores, of which nobody has said which label wins.
    """
    table = raw.table
    named = {plain(column): column for column in table.columns}
    labels = [label for label in FIVE_LABELS if label in named]
    if len(labels) < 2 or set(named) & set(LABEL_NAMES):
        return raw
    columns = [named[label] for label in labels]
    words = table[columns].map(lambda value: plain(str(value)))
    said = words.map(lambda value: _MEANINGS.get(value.removesuffix(".0")))
    if said.isna().any(axis=None):
        if not words.map(is_number).all(axis=None):
            return raw
        raise MissingColumnError(
            f"{raw.name}: the columns {quoted(columns)} hold a number for each label, and which one a row has is not "
            "for finsent to decide. Add a column “label”, for example with the label of the greatest number."
        )
    rows = said.itertuples(index=False, name=None)
    marked = [[label for label, yes in zip(labels, row, strict=True) if yes] for row in rows]
    note = f"Labels are taken from the columns {quoted(columns)}, which say 1 or 0."
    label = pd.Series(marked, index=table.index, dtype=object)
    return replace(raw, table=table.drop(columns=columns).assign(**{_LABEL: label}), notes=(*raw.notes, note))
