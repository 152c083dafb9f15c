"""Whether the first row of a table is its header, and what its columns are called."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from finsent.data.formats.vocabulary import LABEL_NAMES, is_known, is_number, plain, share, stands_for_label
from finsent.data.schema import TEXT_NAMES

#: A header's name is seldom a sentence.
_SENTENCE_WORDS = 5
#: The header is one of so many first rows: above it may stand a title, where the table comes from, remarks.
TOP_ROWS = 10
_ALL_NAMES = frozenset({*TEXT_NAMES, *LABEL_NAMES})


@dataclass(frozen=True)
class Header:
    """The names of a table's columns, each once; whether they stand in its first row; what to say about them."""

    names: tuple[str, ...]
    given: bool
    notes: tuple[str, ...] = ()


def find_header(rows: Sequence[Sequence[str]]) -> Header:
    """Return the header of a table of texts, from its first rows.

    There is none where the first row holds what the rows below it hold: a label, a number in a column of numbers, or
    sentences alone. Its columns are then called ``column 1``, ``column 2`` and so on.
    """
    first, rest = rows[0], rows[1:]
    if _is_data(first, rest):
        width = Counter(map(len, rows)).most_common(1)[0][0]
        note = "It has no header: its first row is a row as any other."
        return Header(tuple(f"column {place}" for place in range(1, width + 1)), False, (note,))
    names, notes = unique_names(trim_blank(first, rest))
    return Header(names, True, notes)


def rows_above(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first rows stand above the header: titles and remarks, which are no rows of the table.

    The header is the first row that names both a text and a label; or, where none does, the first row as wide as most,
    if the rows above it have one value each or begin with “#”, and it is no row of data itself.
    """
    named = next((place for place, row in enumerate(rows[:TOP_ROWS]) if names_both([row])), None)
    if named is not None:
        above = rows[:named]
        return 0 if any(_names(row, _ALL_NAMES) or any(map(is_known, row)) for row in above) else named
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    width = Counter(filled).most_common(1)[0][0]
    place = next((place for place, row in enumerate(rows) if filled[place] > 1 and not row[0].startswith("#")), 0)
    if not 0 < place < TOP_ROWS or width < 2 or filled[place] != width:
        return 0
    below = rows[place + 1 :]
    if any(_names(row, _ALL_NAMES) for row in rows[:place]) or not below or _is_data(rows[place], below):
        return 0
    return place


def names_both(rows: Sequence[Sequence[str]]) -> bool:
    """Whether one of these rows names both a text and a label."""
    return any(_names(row, TEXT_NAMES) and _names(row, LABEL_NAMES) for row in rows)


def header_in_words(header: Header, above: int) -> str:
    """Return where a header stands, for the facts about a file."""
    if not header.given:
        return "none: columns are named by their place"
    return f"its row {above + 1}" if above else "its first row"


def above_note(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return what to say about the rows above a header; nothing where there are none."""
    if not rows:
        return ()
    first = " ".join(cell.strip() for cell in rows[0] if cell.strip())[:80]
    what = "The first row is" if len(rows) == 1 else f"The first {len(rows)} rows are"
    return (f"{what} above its header and not among its rows: “{first}”{' …' if len(rows) > 1 else ''}",)


def _names(row: Sequence[str], names: Collection[str]) -> bool:
    return any(plain(cell) in names for cell in row)


def trim_blank(first: Sequence[str], rest: Sequence[Sequence[str]]) -> list[str]:
    """Return the names of a header without blank ones at its end that have nothing below them."""
    names = list(first)
    while len(names) > 1 and not names[-1].strip() and not any("".join(row[len(names) - 1 :]).strip() for row in rest):
        names.pop()
    return names


def unique_names(given: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names of which none is blank or there twice, and a note about those that were."""
    counts = Counter(plain(name) for name in given)
    names, twice = [], []
    for place, name in enumerate(given):
        if not name.strip():
            names.append(f"Unnamed: {place}")
        elif counts[plain(name)] > 1 and given.count(name) > 1:
            names.append(f"{name.strip()} (column {place + 1})")
            twice.append(name.strip())
        else:
            names.append(name)
    notes = [
        f"Several columns are called “{name}”; they are told apart by their place." for name in dict.fromkeys(twice)
    ]
    return tuple(names), tuple(notes)


def _is_data(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    if _names(first, _ALL_NAMES):
        return False
    for place, cell in enumerate(first):
        below = [row[place] for row in rest if place < len(row)]
        if (is_known(cell) or stands_for_label(cell)) and share(below, lambda one: is_known(one)) > 0.5:
            return True
        if stands_for_label(cell) and share(below, stands_for_label) > 0.8:
            return True
        if is_known(cell) and not below:
            return True
    sentences = [len(cell.split()) >= _SENTENCE_WORDS for cell in first if cell.strip()]
    return bool(sentences) and all(sentences) and not any(is_number(cell) for cell in first)
