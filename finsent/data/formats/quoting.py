"""The records of separated text: where each begins, and which are spoilt by a quote.

Python's csv reader does the parsing, strictly. What it cannot know is whether the lines that stand between two quotes
are one long value or rows that a stray quote swallowed: that is decided here, by whether they look like rows.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finsent.data.formats.raw import printable
from finsent.errors import EncodingError

if TYPE_CHECKING:
    from _csv import Reader

#: Characters that may be read again after a spoilt row, as a multiple of the file's own.
_MOST_AGAIN = 20
_SPOILT = "a quoted value goes on after its closing quote; inside quotes, a quote is written twice"
_OPEN = "a quote is opened and not closed before the rows that follow"
_NEVER = "a quote is opened and never closed"


@dataclass(frozen=True)
class Dialect:
    """How values are separated and quoted. Without ``quoted``, quotes are characters as any other."""

    separator: str
    quote: str = '"'
    escaped: bool = False
    spaced: bool = False
    quoted: bool = True

    def read(self, lines: Iterable[str], strict: bool = True) -> "Reader":
        """Return Python's csv reader of lines; where it is not strict it makes something of whatever stands there."""
        return csv.reader(
            lines,
            delimiter=self.separator,
            quotechar=self.quote,
            escapechar="\\" if self.escaped else None,
            skipinitialspace=self.spaced,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            strict=strict,
        )


@dataclass(frozen=True)
class Record:
    """The values of a row and the line that it begins on, from 1; instead of values a reason where it is refused."""

    line: int
    values: list[str]
    refused: str = ""
    content: str = ""


def records(lines: list[str], dialect: Dialect, looks_whole: Callable[[str], bool]) -> Iterator[Record]:
    """Yield the records of lines, the spoilt ones as refused; blank lines are no records.

    ``looks_whole`` tells whether a line by itself looks like a row. Where two or more lines of one record do, the quote
    before them was never meant to hold them: its line is refused, and the reading goes on with the next.

    Raises:
        EncodingError: the quotes are in such disorder that the lines would be read again and again.
    """
    # How long a text may be is looked at later, where its length can be said.
    csv.field_size_limit(2**31 - 1)
    left = _MOST_AGAIN * sum(map(len, lines)) + 2**20
    begun = 0
    while begun < len(lines):
        reader = dialect.read(_from(lines, begun))
        base, problem = begun, ""
        try:
            for values in reader:
                end = base + reader.line_num
                if end - begun > 1 and sum(map(looks_whole, lines[begun:end])) > 1:
                    problem = _OPEN
                    break
                if values:
                    yield Record(begun + 1, values)
                begun = end
            else:
                return
        except csv.Error as error:
            end = base + reader.line_num
            problem = _reason(str(error), end - begun > 1)
        left -= sum(map(len, lines[begun:end]))
        if left < 0:
            raise EncodingError("its quotes are in such disorder that it cannot be followed; write it again as CSV")
        yield Record(begun + 1, [], problem, printable(lines[begun].strip()))
        begun += 1


def _from(lines: list[str], start: int) -> Iterator[str]:
    return (lines[place] for place in range(start, len(lines)))


def _reason(words: str, several_lines: bool) -> str:
    if "unexpected end" in words:
        return _NEVER
    if "expected after" in words:
        return _OPEN if several_lines else _SPOILT
    return words
