"""Words that go with a neutral text being called positive.

A word is counted once a text. It is an association in these texts, not a cause: a word can stand beside the one that
moves the model.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.evaluation.neutral_errors import called_positive
from finsent.metrics.statistics import CONFIDENCE

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MIN_TEXTS = 3
#: Words that a list of words of grammar has, and that may well say something about news.
_SAYS_SOMETHING = frozenset(
    {"above", "against", "below", "bottom", "cannot", "down", "few", "full", "least", "less", "more", "most", "never"}
    | {"no", "none", "nor", "not", "nothing", "off", "over", "top", "under", "up", "without"}
)


def word_contrast(items: pd.DataFrame, model: str, min_texts: int = MIN_TEXTS) -> pd.DataFrame:
    """Return, for each word, how much oftener it stands in neutral texts that a model calls positive than in others.

    ``log_odds`` is the difference of the word's log-odds between the two groups with an informative Dirichlet prior,
    for which the counts of both groups together are taken, and ``z`` is that divided by its standard error (Monroe,
    Colaresi and Quinn 2008, “Fightin' Words”, equations 15, 16, 20 and 22). The prior pulls rare words towards no
    difference. Columns: ``word, positive, positive share, other, other share, log_odds, low, high, z``, the counts
    being texts and the interval a 95 % one, sorted by ``z``. Empty where one of the groups has no text, since then
    nothing can be set apart, and where no word stands in ``min_texts`` texts.
    """
    hit = called_positive(items, model).to_numpy()
    if not hit.any() or hit.all():
        return pd.DataFrame(columns=_CONTRAST_COLUMNS)
    words, present = _word_presence(items["text"], min_texts)
    if not words:
        return pd.DataFrame(columns=_CONTRAST_COLUMNS)
    inside, outside = (np.asarray(present[group].sum(axis=0)).ravel() for group in (hit, ~hit))
    prior = inside + outside
    log_odds = _log_odds(inside, prior) - _log_odds(outside, prior)
    error = np.sqrt(1 / (inside + prior) + 1 / (outside + prior))
    reach = _normal_quantile() * error
    table = pd.DataFrame(
        {
            "word": words,
            "positive": inside.astype(int),
            "positive share": inside / hit.sum(),
            "other": outside.astype(int),
            "other share": outside / (~hit).sum(),
            "log_odds": log_odds,
            "low": log_odds - reach,
            "high": log_odds + reach,
            "z": log_odds / error,
        }
    )
    return table.sort_values(["z", "word"], ascending=[False, True]).reset_index(drop=True)


def word_push(items: pd.DataFrame, model: str, min_texts: int = MIN_TEXTS) -> pd.DataFrame:
    """Return, for each word, how much surer of positive a model is in neutral texts with it than in those without.

    The margin is the log-probability of positive (or bullish) minus that of neutral, in nats; it tells words apart
    even where every text gets the same label. Columns: ``word, texts, with, without, difference, low, high`` (means,
    their difference and its 95 % interval by Welch 1947), sorted by the difference. Empty where no word qualifies.
    """
    from scipy.stats import t

    words, present = _word_presence(items["text"], min_texts)
    margin = items[f"{model} margin"].to_numpy(dtype=float)
    n, texts = len(margin), np.asarray(present.sum(axis=0)).ravel()
    # A variance needs two texts on either side.
    enough = (texts >= 2) & (n - texts >= 2)
    texts, present = texts[enough], present[:, enough]
    inside, spread_in = _mean_and_variance(texts, present.T @ margin, present.T @ margin**2)
    rest = n - texts
    outside, spread_out = _mean_and_variance(
        rest, margin.sum() - present.T @ margin, (margin**2).sum() - present.T @ margin**2
    )
    squared = spread_in / texts + spread_out / rest
    freedom = squared**2 / ((spread_in / texts) ** 2 / (texts - 1) + (spread_out / rest) ** 2 / (rest - 1))
    reach = t.ppf(1 - (1 - CONFIDENCE) / 2, freedom) * np.sqrt(squared)
    difference = inside - outside
    table = pd.DataFrame(
        {
            "word": np.array(words, dtype=object)[enough],
            "texts": texts.astype(int),
            "with": inside,
            "without": outside,
            "difference": difference,
            "low": difference - reach,
            "high": difference + reach,
        }
    )
    return table.sort_values(["difference", "word"], ascending=[False, True]).reset_index(drop=True)


def is_grammar(words: pd.Series) -> pd.Series:
    """Whether each word is one of grammar (of, its, the, that, will), which a topic or a writer's style brings along.

    By scikit-learn's English list, without those that say something about news, such as up, not and below.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return words.isin(ENGLISH_STOP_WORDS - _SAYS_SOMETHING)


def apart_from_zero(table: pd.DataFrame) -> int:
    """Return how many words of either table have an interval that leaves zero outside."""
    return int(((table["low"] > 0) | (table["high"] < 0)).sum())


_CONTRAST_COLUMNS = ["word", "positive", "positive share", "other", "other share", "log_odds", "low", "high", "z"]


def _word_presence(texts: pd.Series, min_texts: int) -> tuple[list[str], "csr_matrix"]:
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


def _mean_and_variance(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = total / n
    # Rounding can leave a hair below zero where all values are the same.
    return mean, np.maximum(squares - n * mean**2, 1e-12) / (n - 1)


def _log_odds(counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    smoothed = counts + prior
    rest = smoothed.sum() - smoothed
    log_odds: np.ndarray = np.log(smoothed) - np.log(np.maximum(rest, 1e-9))
    return log_odds


def _normal_quantile() -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - (1 - CONFIDENCE) / 2))
