"""Words that go with a neutral text being called positive.

A word is counted once a text. It is an association in these texts, not a cause: a word can stand beside the one that
moves the model.
"""

import numpy as np
import pandas as pd

from finsent.evaluation.neutral_errors import called_positive
from finsent.metrics.statistics import CONFIDENCE
from finsent.metrics.words import MIN_TEXTS, contrast, word_presence


def word_contrast(items: pd.DataFrame, model: str, min_texts: int = MIN_TEXTS) -> pd.DataFrame:
    """Return, for each word, how much oftener it stands in neutral texts that a model calls positive than in others.

    ``log_odds`` and ``z`` are those of :func:`finsent.metrics.words.contrast`. Columns: ``word, positive, positive
    share, other, other share, log_odds, low, high, z``, the counts being texts and the interval a 95 % one, sorted by
    ``z``. Empty where one of the groups has no text, since then nothing can be set apart, and where no word stands in
    ``min_texts`` texts.
    """
    hit = called_positive(items, model).to_numpy()
    if not hit.any() or hit.all():
        return pd.DataFrame(columns=_CONTRAST_COLUMNS)
    words, present = word_presence(items["text"], min_texts)
    if not words:
        return pd.DataFrame(columns=_CONTRAST_COLUMNS)
    table = contrast(words, present, hit).rename(columns={"inside": "positive", "outside": "other"})
    shares = {"positive share": table["positive"] / hit.sum(), "other share": table["other"] / (~hit).sum()}
    return table.assign(**shares)[_CONTRAST_COLUMNS]


def word_push(items: pd.DataFrame, model: str, min_texts: int = MIN_TEXTS) -> pd.DataFrame:
    """Return, for each word, how much surer of positive a model is in neutral texts with it than in those without.

    The margin is the log-probability of positive (or bullish) minus that of neutral, in nats; it tells words apart
    even where every text gets the same label. Columns: ``word, texts, with, without, difference, low, high`` (means,
    their difference and its 95 % interval by Welch 1947), sorted by the difference. Empty where no word qualifies.
    """
    from scipy.stats import t

    words, present = word_presence(items["text"], min_texts)
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


def apart_from_zero(table: pd.DataFrame) -> int:
    """Return how many words of either table have an interval that leaves zero outside."""
    return int(((table["low"] > 0) | (table["high"] < 0)).sum())


_CONTRAST_COLUMNS = ["word", "positive", "positive share", "other", "other share", "log_odds", "low", "high", "z"]


def _mean_and_variance(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = total / n
    # Rounding can leave a hair below zero where all values are the same.
    return mean, np.maximum(squares - n * mean**2, 1e-12) / (n - 1)
