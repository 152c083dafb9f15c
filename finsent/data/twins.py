"""Twins: rows whose text was also trained on, letter by letter or nearly so. Figures on them flatter.

There is one definition, and everything that speaks of twins counts by it. A text is a twin of a training text where
the two are **the same** apart from case, punctuation and links; where **digits** alone differ besides; or where they
are **near**: without digits, the words that both have are four fifths or more of all the words of the two (a Jaccard
index of 0.8, as is usual for near-duplicates; Lee et al. 2022, "Deduplicating Training Data Makes Language Models
Better").
"""

import math
from collections import Counter, defaultdict

import pandas as pd

SAME, DIGITS, NEAR = "the same", "other digits", "nearly the same"
#: The kinds of twins, the closest first.
KINDS = (SAME, DIGITS, NEAR)
#: The least Jaccard index of the words of two texts that are near.
LEAST_ALIKE = 0.8
_LINK = r"https?://\S+"
_MARKS = r"[\W_]+"
_MARKS_AND_DIGITS = r"[\W_\d]+"


def normalise(texts: pd.Series, digits: bool = True) -> pd.Series:
    """Return texts in lower case without links, punctuation and repeated spaces, and without digits if asked."""
    lowered = texts.str.lower().str.replace(_LINK, " ", regex=True)
    return lowered.str.replace(_MARKS if digits else _MARKS_AND_DIGITS, " ", regex=True).str.strip()


def find_twins(training: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a twin among the training rows, in their order, each with its closest one.

    Both tables have the columns ``row_id`` and ``text``; the result has ``row_id``, ``kind`` (one of :data:`KINDS`)
    and ``twin``, the ``row_id`` of the training row. Texts without a word have no twin.
    """
    twins = pd.Series(pd.NA, index=range(len(rows)), dtype=object)
    kinds = pd.Series(pd.NA, index=range(len(rows)), dtype=object)
    for kind, digits in ((SAME, True), (DIGITS, False)):
        trained, held_out = (_words(table["text"], digits) for table in (training, rows))
        first = trained[trained.ne("")].drop_duplicates()
        found = held_out.map(pd.Series(first.index, index=first.to_numpy(), dtype=object))
        fresh = kinds.isna() & found.notna()
        kinds[fresh], twins[fresh] = kind, found[fresh]
    for place, twin in _near(trained, held_out[kinds.isna()]).items():
        kinds[place], twins[place] = NEAR, twin
    has = kinds.notna()
    return pd.DataFrame(
        {
            "row_id": rows["row_id"].to_numpy()[has.to_numpy()],
            "kind": kinds[has].to_numpy(),
            "twin": training["row_id"].to_numpy()[twins[has].to_numpy(int)],
        }
    )


def _words(texts: pd.Series, digits: bool) -> pd.Series:
    return normalise(texts.reset_index(drop=True).astype(str), digits)


def _near(trained: pd.Series, held_out: pd.Series) -> dict[int, int]:
    """Return, by its place, the nearest training text of each text that has a near one; both are without digits.

    Two texts with so many words in common share one of the rarest of each, whatever the order of the words, so that
    few pairs have to be compared (prefix filtering: Chaudhuri et al. 2006).
    """
    known, asked = _word_sets(trained.drop_duplicates()), _word_sets(held_out)
    counts = Counter(word for words in (*known.values(), *asked.values()) for word in words)
    with_word = defaultdict(list)
    for place, words in known.items():
        for word in _rarest(words, counts):
            with_word[word].append(place)
    found = {}
    for place, words in asked.items():
        candidates = {other for word in _rarest(words, counts) for other in with_word.get(word, ())}
        alike = {other: len(words & known[other]) / len(words | known[other]) for other in sorted(candidates)}
        best = max(alike, key=alike.__getitem__, default=None)
        if best is not None and alike[best] >= LEAST_ALIKE:
            found[place] = best
    return found


def _word_sets(texts: pd.Series) -> dict[int, frozenset[str]]:
    texts = texts[texts.ne("")]
    return dict(zip(texts.index.tolist(), (frozenset(text.split()) for text in texts), strict=True))


def _rarest(words: frozenset[str], counts: Counter[str]) -> list[str]:
    """Return as many of the rarest words as two near texts cannot both do without."""
    # Less than rounding noise below a whole number is that number.
    enough = len(words) - math.ceil(LEAST_ALIKE * len(words) - 1e-9) + 1
    return sorted(words, key=lambda word: (counts[word], word))[:enough]
