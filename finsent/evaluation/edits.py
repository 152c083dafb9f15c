"""Edits that should keep a text's label, or turn it: tables of rules, one line a pair, for anybody to extend.

A rule applies to a text only where its pattern occurs, and says what should happen: ``keep`` the label, ``flip`` it to
its opposite, or ``change`` it to any other. They are the invariance and directional tests of CheckList (Ribeiro et al.
2020), for financial news.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from finsent.evaluation.edit_tables import CHEERS, COMPANIES, CURRENCIES, DATES, DIRECTIONS, NEGATIONS, PROFITS
from finsent.evaluation.words import words_of
from finsent.labels import BEARISH, BULLISH, NEGATIVE, POSITIVE

KEEP, FLIP, CHANGE = "keep", "flip", "change"
#: What an edit of one's own is expected to do: nothing in particular.
_OPEN = ""
#: The label that a flip leads to; neutral has no opposite.
OPPOSITE = {POSITIVE: NEGATIVE, NEGATIVE: POSITIVE, BULLISH: BEARISH, BEARISH: BULLISH}
#: Amounts and percentages; a year, a date or a number of a law is none.
_AMOUNT = re.compile(
    r"(?P<before>(?:[$€£¥]|(?:EUR|USD|GBP|SEK|NOK|DKK|CHF|PLN) ?))?(?P<number>\d+(?:,\d+)*(?:\.\d+)?)"
    r"(?P<after> ?(?:%|percent|per cent|million|billion|mn|mln|bn|m\b))?"
)
_NAMES = dict(COMPANIES)
_COMPANY = re.compile(rf".+ (?P<ending>{'|'.join(_NAMES)})(?P<of>['’]s?)?")
_SIGNED = re.compile(r"(?<![\w.,])[+\-−](?=\d)")


@dataclass(frozen=True)
class Rule:
    """A way to edit texts, and what it should do to the label: ``keep``, ``flip`` or ``change``."""

    name: str
    expects: str
    what: str
    edit: Callable[[str], str]

    def apply(self, text: str) -> str | None:
        """Return the edited text, or None where the rule does not apply."""
        edited = self.edit(text)
        return edited if edited != text else None

    def expected(self, label: str) -> str | None:
        """Return in words what the edit of a text of this label should be called; None where nothing is expected."""
        if self.expects == KEEP:
            return label
        if self.expects == _OPEN or label not in OPPOSITE:
            return None
        return OPPOSITE[label] if self.expects == FLIP else f"not {label}"

    def kept_to(self, label: str, answer: str) -> bool:
        """Whether an answer to the edit is as expected, where the text's label is ``label``."""
        expected = self.expected(label)
        return answer != label if self.expects == CHANGE else answer == expected


@dataclass(frozen=True)
class Edit:
    """A suggested edit of a text by a rule."""

    rule: Rule
    text: str


def suggested_edits(text: str) -> list[Edit]:
    """Return the edit of each rule that applies to a text, in the rules' order."""
    found = [(rule, rule.apply(text)) for rule in RULES]
    return [Edit(rule, edited) for rule, edited in found if edited is not None]


def changes(before: str, after: str) -> list[tuple[str, str]]:
    """Return what makes one text another, word by word: pairs of “same”, “gone” or “new” and a piece of text."""
    old, new = (re.findall(r"\s+|[^\s\w]|\w+", text) for text in (before, after))
    pieces = []
    for kind, first, last, begin, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[first:last])))
            continue
        pieces += [(name, "".join(part)) for name, part in (("gone", old[first:last]), ("new", new[begin:end])) if part]
    return pieces


def change_in_words(before: str, after: str) -> str:
    """Return in a few words what makes one text another, for example “rose → fell, − proudly, + gladly”."""
    said, gone = [], ""
    for kind, piece in [*changes(before, after), ("same", "")]:
        words = " ".join(piece.split())
        if kind == "gone":
            gone = words
            continue
        if kind == "new" and words:
            said.append(f"{gone} → {words}" if gone else f"+ {words}")
        elif gone:
            said.append(f"− {gone}")
        gone = ""
    return ", ".join(said)


def swap(pairs: tuple[tuple[str, str], ...], both_ways: bool = False) -> Callable[[str], str]:
    """Return an edit that replaces whole words of a table, all of them at once; a first capital stays one."""
    table = dict(pairs) | ({there: here for here, there in pairs} if both_ways else {})
    pattern = _whole_words(table)

    def edit(text: str) -> str:
        return pattern.sub(lambda found: _like(found[0], table.get(found[0]) or table[_lower(found[0])]), text)

    return edit


def replace_first(pairs: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    """Return an edit that replaces the first of a table's words that a text has, once."""
    table = dict(pairs)
    pattern = _whole_words(table)

    def edit(text: str) -> str:
        return pattern.sub(lambda found: _like(found[0], table.get(found[0]) or table[_lower(found[0])]), text, count=1)

    return edit


def another_company(text: str) -> str:
    """Replace a company's name: one word of several capitals, as :func:`words_of` finds them, with such an ending."""
    edited, end = "", 0
    for word in words_of(text):
        found = _COMPANY.fullmatch(word.word)
        if found is not None:
            edited += text[end : word.start] + _NAMES[found["ending"]] + (found["of"] or "")
            end = word.end
    return edited + text[end:]


def upper_case(text: str) -> str:
    """Write a text in capitals."""
    return text.upper()


def full_stop(text: str) -> str:
    """Take away a final full stop, or set one where a text ends without a mark."""
    if text.endswith(".") and not text.endswith(".."):
        return text[:-1].rstrip()
    return f"{text}." if text[-1:].isalnum() or text[-1:] in tuple('%)”"') else text


def double_amounts(text: str) -> str:
    """Double all amounts and percentages: which is larger stays so. Not where a share would pass 100 %."""
    amounts = [found for found in _AMOUNT.finditer(text) if found["before"] or found["after"]]
    if any("%" in (found["after"] or "") and _value(found["number"]) > 50 for found in amounts):
        return text
    return _AMOUNT.sub(lambda found: _doubled(found) if found["before"] or found["after"] else found[0], text)


def turn_signs(text: str) -> str:
    """Make each number with a plus one with a minus, and the other way round."""
    return _SIGNED.sub(lambda found: "-" if found[0] == "+" else "+", text)


def _whole_words(table: dict[str, str]) -> re.Pattern[str]:
    """Return what finds the words of a table, longer ones first, and with a first capital, too."""
    words = sorted({form for word in table for form in (word, _capital(word))}, key=len, reverse=True)
    parts = [rf"(?<![\w-]){re.escape(word)}(?![\w-])" if word[-1].isalpha() else re.escape(word) for word in words]
    return re.compile("|".join(parts))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _lower(word: str) -> str:
    return word[:1].lower() + word[1:]


def _like(found: str, replacement: str) -> str:
    return _capital(replacement) if found[:1].isupper() else replacement


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _doubled(found: re.Match[str]) -> str:
    number = found["number"]
    decimals = len(number.partition(".")[2])
    doubled = f"{2 * _value(number):{',' if ',' in number else ''}.{decimals}f}"
    return f"{found['before'] or ''}{doubled}{found['after'] or ''}"


#: The rules, in the order in which they are shown.
RULES: tuple[Rule, ...] = (
    Rule("another company", KEEP, "The company has another name.", another_company),
    Rule("another currency", KEEP, "Amounts are in another currency.", swap(CURRENCIES)),
    Rule("another date", KEEP, "Months and weekdays are others.", swap(DATES, both_ways=True)),
    Rule("capitals", KEEP, "The text is written in capitals.", upper_case),
    Rule("full stop", KEEP, "The final full stop is taken away, or set.", full_stop),
    Rule("cheerful word", KEEP, "A cheerful word is added that says nothing about results.", replace_first(CHEERS)),
    Rule("other amounts", KEEP, "Amounts are doubled, all of them: what rose still rose.", double_amounts),
    Rule("rose or fell", FLIP, "What rose fell, and what fell rose.", swap(DIRECTIONS, both_ways=True)),
    Rule("profit or loss", FLIP, "A profit is a loss, and a loss a profit.", swap(PROFITS, both_ways=True)),
    Rule("sign", FLIP, "A number's plus is a minus, and its minus a plus.", turn_signs),
    Rule("negation", CHANGE, "What happened did not happen.", replace_first(NEGATIONS)),
)


#: What stands for a rule where somebody wrote the edit.
OWN_EDIT = Rule("your own", _OPEN, "An edit that you wrote.", str)


def rule_named(name: str) -> Rule | None:
    """Return the rule of a name, or None."""
    return next((rule for rule in RULES if rule.name == name), None)
