"""Words that set some texts apart from others: log-odds with a prior, each word counted once a text."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.metrics.statistics import CONFIDENCE

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: Texts that a word must stand in.
MIN_TEXTS = 3
#: Words of a label that are listed.
MOST_WORDS = 15


#: Words that a list of words of grammar has, and that may well say something about news.
_SAYS_SOMETHING = frozenset(
    {"above", "against", "below", "bottom", "cannot", "down", "few", "full", "least", "less", "more", "most", "never"}
    | {"no", "none", "nor", "not", "nothing", "off", "over", "top", "under", "up", "without"}
)


def word_presence(texts: pd.Series, min_texts: int = MIN_TEXTS) -> tuple[list[str], "csr_matrix"]:
    """Return the words that stand in ``min_texts`` texts or more, and which text has which, shape (texts, words)."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    # Words only: figures are as many as texts, and the labels do not hang on them.
    vectorizer = CountVectorizer(binary=True, token_pattern=r"(?u)\b[^\W\d_][^\W\d_]+\b", dtype=np.float64)
    try:
        present = vectorizer.fit_transform(texts)
    except ValueError:
        return [], csr_matrix((len(texts), 0))
    often = np.asarray(present.sum(axis=0)).ravel() >= min_texts
    return list(vectorizer.get_feature_names_out()[often]), present[:, often]


def contrast(words: list[str], present: "csr_matrix", group: np.ndarray) -> pd.DataFrame:
    """Return, for each word, how much oftener it stands in the texts of a group (a mask) than in the others.

    ``log_odds`` is the difference of the word's log-odds between the two with an informative Dirichlet prior, for
    which the counts of both together are taken, and ``z`` is that divided by its standard error (Monroe, Colaresi and
    Quinn 2008, “Fightin' Words”, equations 15, 16, 20 and 22). The prior pulls rare words towards no difference.
    Columns: ``word, inside, outside, log_odds, low, high, z``, the counts being texts and the interval a 95 % one,
    sorted by ``z``.
    """
    from scipy.stats import norm

    inside, outside = (np.asarray(present[mask].sum(axis=0)).ravel() for mask in (group, ~group))
    prior = inside + outside
    log_odds = _log_odds(inside, prior) - _log_odds(outside, prior)
    error = np.sqrt(1 / (inside + prior) + 1 / (outside + prior))
    reach = float(norm.ppf(1 - (1 - CONFIDENCE) / 2)) * error
    table = pd.DataFrame(
        {
            "word": words,
            "inside": inside.astype(int),
            "outside": outside.astype(int),
            "log_odds": log_odds,
            "low": log_odds - reach,
            "high": log_odds + reach,
            "z": log_odds / error,
        }
    )
    return table.sort_values(["z", "word"], ascending=[False, True]).reset_index(drop=True)


def is_grammar(words: pd.Series) -> pd.Series:
    """Whether each word is one of grammar (of, its, the, that, will), which a topic or a writer's style brings along.

    By scikit-learn's English list, without those that say something about news, such as up, not and below.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return words.isin(ENGLISH_STOP_WORDS - _SAYS_SOMETHING)


def label_words(rows: pd.DataFrame, most: int = MOST_WORDS) -> pd.DataFrame:
    """Return the words that mark each label of a data table against its other labels, at most ``most`` of each.

    Columns: ``label``, and those of :func:`contrast`; only words whose interval lies above zero, and none of grammar.
    Empty where there is one label alone.
    """
    words, present = word_presence(rows["text"])
    labels = [label for label in dict.fromkeys(rows["label"]) if words and rows["label"].nunique() > 1]
    parts = []
    for label in labels:
        table = contrast(words, present, rows["label"].eq(label).to_numpy())
        marks = (table["low"] > 0) & ~is_grammar(table["word"])
        parts.append(table[marks].head(most).assign(label=label))
    columns = ["label", "word", "inside", "outside", "log_odds", "low", "high", "z"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _log_odds(counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    smoothed = counts + prior
    rest = smoothed.sum() - smoothed
    log_odds: np.ndarray = np.log(smoothed) - np.log(np.maximum(rest, 1e-9))
    return log_odds
