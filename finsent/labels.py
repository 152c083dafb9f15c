"""Sentiment labels: the five answers of the data, the three classes of the reports, and reading an answer.

Each row's prompt names the answers that it allows (its answer set): ``positive, neutral, or negative`` for news,
``bearish, neutral, or bullish`` for market posts. Reports count over three classes unless asked for five.
"""

import re
import unicodedata

NEGATIVE, NEUTRAL, POSITIVE = "negative", "neutral", "positive"
BEARISH, BULLISH = "bearish", "bullish"

THREE_LABELS: tuple[str, ...] = (NEGATIVE, NEUTRAL, POSITIVE)
FIVE_LABELS: tuple[str, ...] = (NEGATIVE, BEARISH, NEUTRAL, BULLISH, POSITIVE)
#: An answer that is no label of its answer set. It is counted as wrong, never as neutral.
INVALID = "invalid"

NEWS_ANSWERS: tuple[str, ...] = (POSITIVE, NEUTRAL, NEGATIVE)
POST_ANSWERS: tuple[str, ...] = (BEARISH, NEUTRAL, BULLISH)

TO_THREE: dict[str, str] = {
    NEGATIVE: NEGATIVE,
    BEARISH: NEGATIVE,
    NEUTRAL: NEUTRAL,
    BULLISH: POSITIVE,
    POSITIVE: POSITIVE,
    INVALID: INVALID,
}

#: A run of letters of any alphabet, so that "positiveé" is one word and no label.
_WORD = re.compile(r"[^\W\d_]+")


def join_answers(answers: tuple[str, ...]) -> str:
    """Return an answer set as one table cell, for example ``positive|neutral|negative``."""
    return "|".join(answers)


def split_answers(cell: str) -> tuple[str, ...]:
    """Return the answer set written by :func:`join_answers`."""
    return tuple(cell.split("|"))


def answers_in(system_prompt: str) -> tuple[str, ...]:
    """Return the labels that a system prompt names, in its order.

    The last sentence counts (``... Only reply with bearish, neutral, or bullish.``), since the ones before it may
    use the same words to explain the task. Returns an empty tuple when the prompt names no label.
    """
    start = system_prompt.lower().rfind("only reply with")
    clause = system_prompt[max(start, 0) :].lower()
    found = (word for word in _WORD.findall(clause) if word in FIVE_LABELS)
    return tuple(dict.fromkeys(found))


def _says_nothing(character: str) -> bool:
    return character.isspace() or character == "`" or unicodedata.category(character).startswith("P")


def parse_answer(generated: str, answers: tuple[str, ...]) -> str:
    """Return the label that a generated answer states, or ``"invalid"``.

    The answer's first word must be a label of the answer set, whatever its case and the punctuation around it.
    ``"Positive."`` is positive; ``"It is positive"``, ``"positively"``, another set's label and an empty string are
    invalid.
    """
    match = _WORD.search(generated.lower())
    if match is None or not all(map(_says_nothing, generated[: match.start()])):
        return INVALID
    return match.group() if match.group() in answers else INVALID
