"""Texts that are nearly the same by their words: of some texts all pairs that are, and no other.

Two texts are near where the words that both have are four fifths or more of all the words of the two (a Jaccard index
of 0.8, as is usual for near-duplicates; Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better").

Near texts have one of their rarest words in common: of n words, all but four fifths and one more (prefix filtering;
Bayardo, Ma and Srikant 2007, "Scaling Up All Pairs Similarity Search"). So a product of sparse matrices with these
words alone proposes pairs, and all their words decide. It misses none, where MinHash does, and takes a fifth of the
time of that on 44,209 texts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: The least Jaccard index of the words of two texts that are near.
LEAST_ALIKE = 0.8
#: Pairs that are proposed, and pairs that are decided, at a time.
_PROPOSED, _DECIDED = 4_000_000, 100_000


@dataclass(frozen=True, eq=False)
class Near:
    """Pairs of near texts: places in ``texts``, which are all different, and the Jaccard index of their words.

    A pair is there once, in the order of its places.
    """

    texts: pd.Index
    one: np.ndarray
    other: np.ndarray
    alike: np.ndarray

    def best(self, candidates: pd.Series) -> pd.Series:
        """Return for each place that has near texts among the candidates the value of the one that is nearest.

        ``candidates`` has values that are in order by the texts; of those that are equally near the least counts.
        """
        value = np.full(len(self.texts), -1)
        places = self.texts.get_indexer(pd.Index(candidates.index))
        value[places[places >= 0]] = candidates.to_numpy()[places >= 0]
        both = pd.DataFrame(
            {
                "place": np.concatenate([self.one, self.other]),
                "value": value[np.concatenate([self.other, self.one])],
                "alike": np.concatenate([self.alike, self.alike]),
            }
        )
        ranked = both[both["value"] >= 0].sort_values(["alike", "value"], ascending=[False, True])
        found: pd.Series = ranked.drop_duplicates("place").set_index("place")["value"]
        return found


def near_texts(texts: Iterable[str]) -> Near:
    """Return which of some texts are near. They are compared as they stand, word by word; equal ones count once."""
    from sklearn.feature_extraction.text import CountVectorizer

    different = pd.Index([text for text in dict.fromkeys(texts) if text.strip()], dtype=object)
    nothing = np.empty(0, dtype=np.int64)
    if different.empty:
        return Near(different, nothing, nothing, np.empty(0))
    words = CountVectorizer(analyzer=str.split, binary=True, dtype=np.int32).fit_transform(different)
    rarest_first = words[:, np.argsort(np.asarray(words.sum(axis=0)).ravel(), kind="stable")]
    rarest_first.sort_indices()
    found = [_decided(rarest_first, *pair) for pair in _proposed(rarest_first)]
    one, other, alike = (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else (nothing,) * 3
    return Near(different, one, other, alike)


def _proposed(words: "csr_array") -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of rows that may be near, each once; a row's words stand in order, the rarest first."""
    from scipy.sparse import csr_array

    size = np.diff(words.indptr)
    first = size - np.ceil(LEAST_ALIKE * size - 1e-9).astype(int) + 1
    row = np.repeat(np.arange(len(size)), size)
    rare = np.arange(len(row)) - words.indptr[row] < first[row]
    shape = words.shape
    some = csr_array((np.ones(rare.sum(), np.int32), (row[rare], words.indices[rare])), shape=shape)
    with_word = some.T.tocsr()
    part = np.cumsum(some @ some.sum(axis=0)) // _PROPOSED
    for start, end in zip(*_runs(part), strict=True):
        pairs = (some[start:end] @ with_word).tocoo()
        one, other = pairs.row + start, pairs.col
        sizes = size[one], size[other]
        may_be = (one < other) & (np.minimum(*sizes) >= LEAST_ALIKE * np.maximum(*sizes) - 1e-9)
        one, other = one[may_be], other[may_be]
        for begin in range(0, len(one), _DECIDED):
            yield one[begin : begin + _DECIDED], other[begin : begin + _DECIDED]


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where runs of equal values begin and end."""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return starts, np.r_[starts[1:], len(values)]


def _decided(words: "csr_array", one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = np.diff(words.indptr)
    both = np.asarray(words[one].multiply(words[other]).sum(axis=1)).ravel()
    alike = both / (size[one] + size[other] - both)
    near = alike >= LEAST_ALIKE
    return one[near], other[near], alike[near]
