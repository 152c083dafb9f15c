"""Separated text (CSV, TSV and their kin) as tables."""

import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import pandas as pd

from finsent.data.formats.header import TOP_ROWS, Header, above_note, find_header, header_in_words, rows_above
from finsent.data.formats.labelled_lines import line_layout, read_lines
from finsent.data.formats.quoting import Dialect, Record, records
from finsent.data.formats.raw import RawTable, RefusedRow, check_refused, printable
from finsent.data.formats.vocabulary import LABEL_NAMES, is_known, plain, share
from finsent.data.schema import TEXT_NAMES
from finsent.errors import EmptyDataError, EncodingError
from finsent.limits import COLUMNS

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: What is told of a row with too many values.
_QUOTES = "needs quotes around it"
_SAMPLE_LINES = 200
_FEW_ROWS = 5
#: Longer lines say nothing of how the others are written.
_LINE_CHARACTERS = 100_000
#: Values that repeat and are this short may be labels.
_LABEL_CHARACTERS, _MOST_LABELS = 30, 12
_NAMES = {*TEXT_NAMES, *LABEL_NAMES}
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def read_separated(text: str, name: str, suffix: str = "") -> RawTable:
    """Return the rows of separated text; separator, quoting and header are recognised and said in ``facts``.

    Raises:
        EmptyDataError: there is nothing in it but blank lines, or nothing after its header.
        EncodingError: none of its rows can be read, or far more are refused than read.
    """
    lines = list(io.StringIO(text, newline=""))
    hint = _HINT.fullmatch(lines[0]) if lines else None
    skipped = 1 if hint else 0
    lines = lines[skipped:]
    if not any(line.strip() for line in lines):
        raise EmptyDataError(f"{name} is empty. Give a file with the columns text,label.")
    if not hint and (layout := line_layout(lines)):
        return read_lines(lines, layout, name)
    dialect = _dialect(lines, hint.group(1) if hint else None, suffix)
    try:
        best, how = min(
            ((list(_all(lines, one)), one) for one in _ways(lines, dialect)),
            key=lambda tried: sum(bool(record.refused) for record in tried[0]),
        )
    except EncodingError as error:
        raise EncodingError(f"{name} cannot be read as separated text: {error}.") from error
    if skipped:
        best = [replace(record, line=record.line + skipped) for record in best]
    notes = ("Its first line says how it is separated, and is no row.",) if hint else ()
    return _table(best, how, name, notes)


def _ways(lines: list[str], dialect: Dialect) -> list[Dialect]:
    """Return the ways of quoting that a file may follow, the usual first; others only where there is a sign of them."""
    text_quotes = sum(dialect.quote in line for line in islice(lines, 5_000))
    ways = [dialect]
    if any(f"\\{dialect.quote}" in line for line in lines):
        ways.append(replace(dialect, escaped=True))
    if dialect.separator == "\t" and text_quotes:
        # Tweets and logs between tabs are often written without any quoting.
        ways.append(replace(dialect, quoted=False))
    return ways


def _all(lines: list[str], dialect: Dialect) -> list[Record]:
    return list(records(lines, dialect, _whole_lines(lines, dialect)))


def _dialect(lines: list[str], hint: str | None, suffix: str) -> Dialect:
    sample = [line for line in islice(lines, _SAMPLE_LINES) if line.strip()]
    candidates = [hint] if hint else list(_SEPARATORS)
    if suffix in (".tsv", ".tab"):
        candidates.sort(key=lambda one: one != "\t")
    elif suffix == ".psv":
        candidates.sort(key=lambda one: one != "|")
    found = [_guess_quoting(sample, one) for one in candidates]
    return max(found, key=lambda one: _fitness(sample, one))


def _guess_quoting(sample: list[str], separator: str) -> Dialect:
    first = [cell.strip() for cell in sample[0].strip().split(separator)]
    single = len(first) > 1 and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in first)
    quote = "'" if single else '"'
    gap = re.compile(re.escape(separator) + " +" + quote)
    return Dialect(separator, quote, spaced=sum(bool(gap.search(line)) for line in sample) > len(sample) / 2)


def _fitness(sample: list[str], dialect: Dialect) -> tuple[int, float, int]:
    """Return how well a separator fits: names and labels found, the share of rows as wide as most, that width."""
    rows = _loosely(sample, dialect)
    width, count = Counter(map(len, rows)).most_common(1)[0]
    if width < 2:
        return 0, 0.0, 1
    names = max(({plain(cell) for cell in row} & _NAMES for row in rows[:TOP_ROWS]), key=len)
    columns = zip(*(row for row in rows if len(row) == width), strict=True)
    labelled = any(share(column, is_known) > 0.5 for column in columns)
    return min(len(names), 2) + labelled, count / len(rows), width


def _loosely(lines: list[str], dialect: Dialect) -> list[list[str]]:
    short = [line for line in lines if len(line) < _LINE_CHARACTERS]
    return [row for line in short for row in dialect.read([line], strict=False) if row] or [[""]]


def _whole_lines(lines: list[str], dialect: Dialect) -> Callable[[str], bool]:
    """Return what tells whether a line by itself looks like a row: as many values as others, and a label among them."""
    sample = [line for line in islice(lines, _SAMPLE_LINES) if line.strip() and len(line) < _LINE_CHARACTERS]
    rows = _loosely(sample, dialect)
    width = Counter(map(len, rows)).most_common(1)[0][0]
    labels: dict[int, set[str]] = {}
    # Read one after another, since a line may be a part of a text; line by line only where quotes swallow most of them.
    together = [row for row in dialect.read(sample, strict=False) if len(row) == width]
    full = together[1:] if len(together) > _FEW_ROWS else [row for row in rows[1:] if len(row) == width]
    for place in range(width):
        values = [plain(row[place].strip(dialect.quote)) for row in full]
        short = max(map(len, values), default=0) <= _LABEL_CHARACTERS
        if values and short and len(set(values)) <= min(_MOST_LABELS, len(values) / 2):
            # Counted from the end: a text with separators of its own moves what stands after it.
            labels[place if place == 0 else place - width] = set(values) - {""}

    def looks_whole(line: str) -> bool:
        cells = [plain(cell.strip().strip(dialect.quote)) for cell in line.strip("\r\n").split(dialect.separator)]
        if width < 2 or len(cells) < width:
            return False
        if labels:
            return any(cells[place] in known for place, known in labels.items())
        return len(cells) == width

    return looks_whole


def _table(found: list[Record], dialect: Dialect, name: str, notes: tuple[str, ...]) -> RawTable:
    good = [record for record in found if not record.refused]
    if not good:
        raise EncodingError(f"{name} cannot be read as separated text: {found[0].refused} (line {found[0].line:,}).")
    COLUMNS.check(max(len(record.values) for record in good), name)
    head = [record.values for record in good[: _SAMPLE_LINES + 1]]
    above = rows_above(head)
    header = find_header(head[above:])
    # Up to this line stand the header and what is above it.
    begins = good[above].line if header.given else 0
    width = len(header.names)
    rows, places, refused, trimmed = [], [], [], 0
    for record in found:
        values = record.values
        if record.line <= begins and not record.refused:
            continue
        if len(values) > width and not any(value.strip() for value in values[width:]):
            trimmed += 1
            values = values[:width]
        if record.refused or len(values) != width:
            reason = record.refused or _width_reason(len(values), header, dialect)
            content = record.content or printable(dialect.separator.join(values))
            refused.append(RefusedRow(name, "line", record.line, reason, content))
        else:
            rows.append(values)
            places.append(record.line)
    if not rows and not refused:
        raise EmptyDataError(f"{name} has no rows. Give a file with the columns text,label.")
    if not rows:
        why = f"line {refused[0].place:,}: {refused[0].reason}"
        if width == 1:
            first = " ".join(header.names[0].split())[:60]
            quotes = f", and a text with one of them in it {_QUOTES}" if refused[0].reason.endswith(_QUOTES) else ""
            why = f"its first row is one value, “{first}”; separate values by commas, semicolons, tabs or bars{quotes}"
        raise EncodingError(f"{name} cannot be read: none of its {len(refused):,} rows fits; {why}.")
    check_refused(refused, len(rows), name)
    notes = (*notes, *above_note(head[:above]))
    if trimmed:
        notes = (*notes, f"{trimmed:,} rows end in a separator with nothing after it, which is left out.")
    if dialect.escaped:
        notes = (*notes, "Quotes inside its texts are written with a backslash, which is taken off.")
    if not dialect.quoted:
        notes = (*notes, "Its quotes are characters as any other: they stand alone, and no value is quoted by them.")
    # The values column by column: pandas makes a table of those far faster than of rows.
    columns = list(zip(*rows, strict=True))
    table = pd.DataFrame(
        {label: pd.Series(column, dtype=object) for label, column in zip(header.names, columns, strict=True)}
    )
    facts = {
        "format": f"separated by {_SEPARATORS.get(dialect.separator, repr(dialect.separator))}"
        if width > 1
        else "lines",
        "header": header_in_words(header, above),
    }
    return RawTable(table, name, np.array(places), "line", tuple(refused), (*notes, *header.notes), facts)


def _width_reason(count: int, header: Header, dialect: Dialect) -> str:
    what = "its header" if header.given else "most rows"
    values = "1 value" if count == 1 else f"{count:,} values"
    has = "has" if header.given else "have"
    if count > len(header.names):
        mark = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(dialect.separator, "separator")
        return f"{values} where {what} {has} {len(header.names)}; a text with a {mark} in it {_QUOTES}"
    return f"{values} where {what} {has} {len(header.names)}"
