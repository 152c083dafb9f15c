"""Twins: texts that are alike letter by letter or nearly so. Figures on twins of training texts flatter.

There is one definition, and everything that speaks of twins counts by it. Two texts are twins where they are **the
same** apart from case, punctuation and links; where **digits** alone differ besides; or where they are **near**: see
:mod:`finsent.data.near`, which compares their words without digits.
"""

import numpy as np
import pandas as pd

from finsent.data.near import Near, near_texts

SAME, DIGITS, NEAR = "the same", "other digits", "nearly the same"
#: The kinds of twins, the closest first.
KINDS = (SAME, DIGITS, NEAR)
_LINK = r"https?://\S+"
_MARKS = r"[\W_]+"
_MARKS_AND_DIGITS = r"[\W_\d]+"
#: Columns of a table that has been made ready: its texts as they are compared, with digits and without.
WORDS, BARE = "normalised", "normalised without digits"


def normalise(texts: pd.Series, digits: bool = True) -> pd.Series:
    """Return texts in lower case without links, punctuation and repeated spaces, and without digits if asked."""
    lowered = texts.str.lower().str.replace(_LINK, " ", regex=True)
    return lowered.str.replace(_MARKS if digits else _MARKS_AND_DIGITS, " ", regex=True).str.strip()


def with_words(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the columns :data:`WORDS` and :data:`BARE`, for what asks for its twins more than once."""
    if WORDS in rows:
        return rows
    return rows.assign(**{WORDS: normalise(rows["text"]), BARE: normalise(rows["text"], digits=False)})


def near_in(rows: pd.DataFrame) -> Near:
    """Return :func:`near_texts` of the column ``text`` of a table, for what asks for twins more than once."""
    return near_texts(_words(rows, False))


def find_twins(training: pd.DataFrame, rows: pd.DataFrame, near: Near | None = None) -> pd.DataFrame:
    """Return the rows that have a twin among the training rows, in their order, each with its closest one.

    Both tables have the columns ``row_id`` and ``text``; the result has ``row_id``, ``kind`` (one of :data:`KINDS`)
    and ``twin``, the ``row_id`` of the training row. Texts without a word have no twin. ``near`` is :func:`near_in` of
    a table that has all these rows, where it is known.
    """
    twins = pd.Series(pd.NA, index=range(len(rows)), dtype=object)
    kinds = pd.Series(pd.NA, index=range(len(rows)), dtype=object)
    for kind, digits in ((SAME, True), (DIGITS, False)):
        trained, held_out = (_words(table, digits) for table in (training, rows))
        first = trained[trained.ne("")].drop_duplicates()
        places = pd.Series(first.index, index=first.to_numpy(), dtype=object)
        found = held_out.map(places)
        fresh = kinds.isna() & found.notna()
        kinds[fresh], twins[fresh] = kind, found[fresh]
    if near is None:
        near = near_texts([*trained, *held_out])
    # Of those that are equally near, the first in the table.
    nearest = near.best(places.astype(int)).reindex(near.texts.get_indexer(pd.Index(held_out)))
    fresh = kinds.isna() & nearest.notna().to_numpy()
    kinds[fresh], twins[fresh] = NEAR, nearest.to_numpy()[fresh]
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

    texts = _words(rows, False)
    codes, different = pd.factorize(texts)
    near = near_texts(different) if near is None else near
    place = pd.Index(different).get_indexer(near.texts)
    first, second = place[near.one], place[near.other]
    here = (first >= 0) & (second >= 0)
    first, second = first[here], second[here]
    links = coo_array((np.ones(len(first)), (first, second)), shape=(len(different), len(different)))
    _, component = connected_components(links, directed=False)
    groups = component[codes] if len(codes) else codes
    wordless = texts.eq("").to_numpy()
    alone = len(different) + np.arange(len(rows))
    return np.asarray(pd.factorize(np.where(wordless, alone, groups))[0])


def _words(rows: pd.DataFrame, digits: bool) -> pd.Series:
    column = WORDS if digits else BARE
    words = rows[column] if column in rows else normalise(rows["text"].astype(str), digits)
    return words.reset_index(drop=True)
