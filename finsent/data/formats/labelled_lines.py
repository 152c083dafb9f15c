"""Lines that hold a text and its label without a separator: Financial PhraseBank's and fastText's."""

import re
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from finsent.data.formats.raw import RawTable, RefusedRow, check_refused, printable
from finsent.data.formats.vocabulary import plain
from finsent.labels import FIVE_LABELS

_SAMPLE_LINES = 200
_NEARLY_ALL = 0.8


@dataclass(frozen=True)
class LineLayout:
    """A layout of lines: its name, the pattern of a line, and what is wrong with one that is otherwise."""

    name: str
    line: re.Pattern[str]
    fault: str


#: The last @ separates the text from its label.
PHRASEBANK = LineLayout(
    "Financial PhraseBank: sentence@label",
    re.compile(r"(?P<text>.+)@\s*(?P<label>[^@\s]+)\s*"),
    "no @ with a label after it",
)
#: A text may have several labels; which are then listed as one value.
FASTTEXT = LineLayout(
    "fastText: __label__ before each text",
    re.compile(r"__label__(?P<label>\S+(?:\s+__label__\S+)*)\s+(?P<text>.+)"),
    "no __label__ before a text",
)


def line_layout(lines: list[str]) -> LineLayout | None:
    """Return the layout that nearly all of the first lines have, or None."""
    sample = [line.strip() for line in islice(lines, _SAMPLE_LINES) if line.strip()]
    for layout in (PHRASEBANK, FASTTEXT):
        found = [match for line in sample if (match := layout.line.fullmatch(line))]
        if layout is PHRASEBANK:
            found = [match for match in found if plain(match["label"]) in FIVE_LABELS]
        if len(found) > _NEARLY_ALL * len(sample):
            return layout
    return None


def read_lines(lines: list[str], layout: LineLayout, name: str) -> RawTable:
    """Return lines of a layout as a table with the columns ``text`` and ``label``; other lines are refused."""
    rows, places, refused = [], [], []
    for place, line in enumerate(lines, start=1):
        found = layout.line.fullmatch(line.strip())
        if found:
            labels = [part.strip() for part in found["label"].split("__label__")]
            rows.append((found["text"].strip(), ", ".join(labels)))
            places.append(place)
        elif line.strip():
            refused.append(RefusedRow(name, "line", place, layout.fault, printable(line.strip())))
    check_refused(refused, len(rows), name)
    table = pd.DataFrame(rows, columns=["text", "label"], dtype=object)
    facts = {"format": layout.name, "header": "none"}
    return RawTable(table, name, np.array(places), "line", tuple(refused), (), facts)
