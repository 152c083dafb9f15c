"""Twins: texts that are alike letter by letter or nearly so. Figures on twins of training texts flatter.

There is one definition, and everything that speaks of twins counts by it. Two texts are twins where they are **the
same** apart from case, punctuation and links; where **digits** alone differ besides; or where they are **near**:
without digits, the words that both have are four fifths or more of all the words of the two (a Jaccard index of 0.8,
as is usual for near-duplicates; Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better").

Near texts are looked for by MinHash (Broder 1997; datasketch's), which compares few of all pairs and finds one at the
edge of nearness with a probability above 0.999; whether a pair that it proposes is near, its words decide.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

SAME, DIGITS, NEAR = "the same", "other digits", "nearly the same"
#: The kinds of twins, the closest first.
KINDS = (SAME, DIGITS, NEAR)
#: The least Jaccard index of the words of two texts that are near.
LEAST_ALIKE = 0.8
#: Bands of a signature and hash values in each: 1 - (1 - 0.8^4)^16 is 0.9998.
_BANDS, _IN_BAND = 16, 4
#: Texts of a table that are made signatures of at a time.
_AT_A_TIME = 20_000
_LINK = r"https?://\S+"
_MARKS = r"[\W_]+"
_MARKS_AND_DIGITS = r"[\W_\d]+"
#: For each text that has near ones, how alike each of these is.
Near = Mapping[str, Mapping[str, float]]


def normalise(texts: pd.Series, digits: bool = True) -> pd.Series:
    """Return texts in lower case without links, punctuation and repeated spaces, and without digits if asked."""
    lowered = texts.str.lower().str.replace(_LINK, " ", regex=True)
    return lowered.str.replace(_MARKS if digits else _MARKS_AND_DIGITS, " ", regex=True).str.strip()


def near_texts(texts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return which of some texts are near: for each that has near ones, the Jaccard index of its words and theirs.

    Texts are compared as they stand, so they should be :func:`normalise`'s without digits; equal ones count once.
    """
    from datasketch import MinHash, MinHashLSH

    words = {text: frozenset(text.split()) for text in dict.fromkeys(texts) if text}
    known = list(words)
    index = MinHashLSH(num_perm=_BANDS * _IN_BAND, params=(_BANDS, _IN_BAND))
    near: dict[str, dict[str, float]] = {}
    for start in range(0, len(known), _AT_A_TIME):
        part = known[start : start + _AT_A_TIME]
        hashed = [[word.encode("utf-8", "surrogatepass") for word in sorted(words[text])] for text in part]
        for place, signature in enumerate(MinHash.bulk(hashed, num_perm=_BANDS * _IN_BAND), start):
            text = known[place]
            for other in sorted(index.query(signature)):
                alike = _jaccard(words[text], words[known[other]])
                if alike >= LEAST_ALIKE:
                    near.setdefault(text, {})[known[other]] = alike
                    near.setdefault(known[other], {})[text] = alike
            index.insert(place, signature, check_duplication=False)
    return near


def near_in(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return :func:`near_texts` of the column ``text`` of a table, for what asks for twins more than once."""
    return near_texts(_words(rows["text"], False))


def find_twins(training: pd.DataFrame, rows: pd.DataFrame, near: Near | None = None) -> pd.DataFrame:
    """Return the rows that have a twin among the training rows, in their order, each with its closest one.

    Both tables have the columns ``row_id`` and ``text``; the result has ``row_id``, ``kind`` (one of :data:`KINDS`)
    and ``twin``, the ``row_id`` of the training row. Texts without a word have no twin. ``near`` is :func:`near_in` of
    a table that has all these rows, where it is known.
    """
    twins = pd.Series(pd.NA, index=range(len(rows)), dtype=object)
    kinds = pd.Series(pd.NA, index=range(len(rows)), dtype=object)
    for kind, digits in ((SAME, True), (DIGITS, False)):
        trained, held_out = (_words(table["text"], digits) for table in (training, rows))
        first = trained[trained.ne("")].drop_duplicates()
        found = held_out.map(pd.Series(first.index, index=first.to_numpy(), dtype=object))
        fresh = kinds.isna() & found.notna()
        kinds[fresh], twins[fresh] = kind, found[fresh]
    if near is None:
        near = near_texts([*trained, *held_out])
    places = dict(zip(first, first.index, strict=True))
    for place in np.flatnonzero(kinds.isna()).tolist():
        text = held_out[place]
        alike = {places[other]: value for other, value in near.get(text, {}).items() if other in places}
        if alike:
            # Of those that are equally near, the first in the table.
            kinds[place], twins[place] = NEAR, min(alike, key=lambda other: (-alike[other], other))
    has = kinds.notna()
    return pd.DataFrame(
        {
            "row_id": rows["row_id"].to_numpy()[has.to_numpy()],
            "kind": kinds[has].to_numpy(),
            "twin": training["row_id"].to_numpy()[twins[has].to_numpy(int)],
        }
    )


def twin_groups(rows: pd.DataFrame, near: Near | None = None) -> np.ndarray:
    """Return for each row the number of its group: twins, and twins of twins, have one.

    Groups are numbered from 0 in the order in which they first occur; a text without a word is a group by itself.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    texts = _words(rows["text"], False)
    codes, different = pd.factorize(texts)
    near = near_texts(different) if near is None else near
    place = {text: number for number, text in enumerate(different)}
    pairs = [(place[one], place[other]) for one in different for other in near.get(one, ()) if other in place]
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    links = coo_array((np.ones(len(pairs)), (first, second)), shape=(len(different), len(different)))
    _, component = connected_components(links, directed=False)
    groups = component[codes] if len(codes) else codes
    wordless = texts.eq("").to_numpy()
    alone = len(different) + np.arange(len(rows))
    return np.asarray(pd.factorize(np.where(wordless, alone, groups))[0])


def _words(texts: pd.Series, digits: bool) -> pd.Series:
    return normalise(texts.reset_index(drop=True).astype(str), digits)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)
