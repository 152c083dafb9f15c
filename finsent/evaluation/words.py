"""The words of a text, as somebody reads them: numbers and names whole, and the text without some of them."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_PIECES = re.compile(r"\S+")
#: Thousands apart, as in 1 300, are one number.
_MORE_DIGITS = re.compile(r"\d{3}(?!\d)")
_HEAD_DIGITS = re.compile(r"[^\w\s]?\d{1,3}(?: \d{3})*")
#: Capitalised where a sentence begins, and part of no name.
_OPENERS = re.compile(
    r"a|an|the|this|that|these|those|its|their|his|her|our|it|he|she|they|we|in|on|at|of|for|from|by|with|to|as|after|"
    r"before|during|under|over|and|but|or|if|when|while|despite|although|no|not|both|all|each|also",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Word:
    """A word of a text, and where it stands: ``text[start:end]``."""

    word: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Return the words of a text in their order.

    A word is what stands between blanks, without the punctuation around it; sign, currency and percent stay with a
    number. A name of several capitalised words is one word, unless three of four words of the text are
    capitalised, as in titles. What is nothing but punctuation is no word; an arrow or an emoji is.
    """
    words = [word for piece in _PIECES.finditer(text) if (word := _core(piece[0], piece.start())) is not None]
    capitals = sum(word.word[:1].isupper() for word in words)
    names = 4 * capitals <= 3 * len(words)
    joined: list[Word] = []
    for word in words:
        if joined and text[joined[-1].end : word.start] == " " and _belongs(joined[-1].word, word.word, names):
            start = joined.pop().start
            word = Word(text[start : word.end], start, word.end)
        joined.append(word)
    return joined


def text_of(text: str, words: list[Word], kept: Iterable[bool]) -> str:
    """Return a text with those of its words that are ``kept``; what stands between words stays, but no double blank."""
    parts: list[str] = []
    end = 0
    for word, stays in zip(words, kept, strict=True):
        between = text[end : word.start]
        parts += [between, word.word] if stays else [between.rstrip()]
        end = word.end
    return "".join([*parts, text[end:]]).strip()


def _core(piece: str, start: int) -> Word | None:
    """Return a piece of text without blanks as a word: without the punctuation around it."""
    first, last = 0, len(piece)
    while first < last and _around(piece[first]) and not _signs(piece[first : first + 2]):
        first += 1
    while last > first and _around(piece[last - 1]) and not (piece[last - 1] in "%‰" and last - 1 > first):
        last -= 1
    return Word(piece[first:last], start + first, start + last) if first < last else None


def _around(character: str) -> bool:
    """Whether a character is punctuation or unseen, and no part of a word where it stands at its end."""
    return unicodedata.category(character)[0] in "PCZ"


def _signs(two: str) -> bool:
    return two[:1] in "-–−" and two[1:].isdigit()


def _belongs(before: str, word: str, names: bool) -> bool:
    """Whether a word goes on with what the one before it began: a number or a name."""
    if _MORE_DIGITS.match(word) and _HEAD_DIGITS.fullmatch(before):
        return True
    capital = before[:1].isupper() and word[:1].isupper()
    return names and capital and not _OPENERS.fullmatch(before) and not _OPENERS.fullmatch(word)
