"""The words that people write for labels, and the names that they give to columns."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from finsent.labels import FIVE_LABELS, NEGATIVE, NEUTRAL, POSITIVE

#: What people call the column with the labels, in any case and with spaces around it; the first goes before others.
LABEL_NAMES = (
    "label", "sentiment", "class", "polarity", "labels", "sentiment_label", "sentiment_score", "score", "category",
    "target", "decision", "decisions", "gold", "annotation", "choice",
)  # fmt: skip
#: Words that say how strongly; without them a degree is a label.
_DEGREES = frozenset(
    {
        "very",
        "slightly",
        "extremely",
        "mildly",
        "moderately",
        "strongly",
        "somewhat",
        "weakly",
        "highly",
        "strong",
        "weak",
        "mild",
        "slight",
        "moderate",
        "most",
        "mostly",
        "fairly",
        "a",
        "bit",
        "little",
        "rather",
    }  # fmt: skip
)
_SHORT = {"pos": POSITIVE, "neg": NEGATIVE, "neu": NEUTRAL, "bull": "bullish", "bear": "bearish"}
_NUMBERED = re.compile(r"(label|class)[_ -]?\d+", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?%?")
_BETWEEN = re.compile(r"[\s_\-]+")


def plain(value: str) -> str:
    """Return a label or a column's name without the space around it, in lower case."""
    return value.strip().strip("\ufeff").strip().casefold()


def degree(value: str) -> str | None:
    """Return the label that a degree of it comes down to (``very positive`` to ``positive``), or None."""
    words = _BETWEEN.split(plain(value))
    rest = [word for word in words if word not in _DEGREES]
    return rest[0] if len(words) > 1 and len(rest) == 1 and rest[0] in FIVE_LABELS else None


def is_number(value: str) -> bool:
    """Whether a value is a number as people write them."""
    return _NUMBER.fullmatch(value.strip()) is not None


def is_known(value: str) -> bool:
    """Whether a value is a label, or a degree of one."""
    return plain(value) in FIVE_LABELS or degree(value) is not None


def stands_for_label(value: str) -> bool:
    """Whether a value can be a label without being one: a number, ``LABEL_2``, ``pos``."""
    return is_number(value) or _NUMBERED.fullmatch(value.strip()) is not None or plain(value) in _SHORT


def nearest(value: str) -> str:
    """Return the label that a value is most like, for a proposal; "" where it is like none."""
    if (folded := degree(value)) is not None:
        return folded
    if plain(value) in _SHORT:
        return _SHORT[plain(value)]
    close = get_close_matches(plain(value), FIVE_LABELS, 1, 0.7)
    return close[0] if close else ""


def share(values: Iterable[str], fits: object) -> float:
    """Return the share of values, blank ones left out, that ``fits`` is true of; 0 where there is none."""
    given = [value for value in values if value.strip()]
    return sum(bool(fits(value)) for value in given) / len(given) if given else 0.0  # type: ignore[operator]
