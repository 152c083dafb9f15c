"""Which words push neutral texts towards positive: what leaving a word out does, on average over many texts."""

from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError, RunStateError
from finsent.evaluation.attribution import MOST_WORDS, leaving_each_out, log_shares, variant_rows
from finsent.evaluation.classifier import Classifier
from finsent.evaluation.words import Word, words_of
from finsent.inference.predictions import MODELS
from finsent.inference.scoring import Report
from finsent.labels import BULLISH, NEUTRAL, POSITIVE, split_answers
from finsent.metrics.statistics import CONFIDENCE, Numbers
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run

#: Of fewer texts no mean is given.
MIN_TEXTS = 3
_INTERVALS = (*MODELS, "difference")


def neutral_validation_rows(run: Run) -> pd.DataFrame:
    """Return the neutral rows of a run's validation split: those of its test split are kept for the verdict.

    Raises:
        RunStateError: the run has no adapter.
        RunChangedError: its data are not what they were.
        EmptyDataError: no validation row is neutral.
    """
    if not run.has_adapter:
        raise RunStateError(f"Run {run.id} is {run.state} and has no adapter. Choose a run that is done.")
    rows = prepare_again(run).validation
    rows = rows[rows["label"] == NEUTRAL].reset_index(drop=True)
    if rows.empty:
        raise EmptyDataError(f"Run {run.id} has no neutral validation row. Choose another run.")
    return rows


def word_effects(classifier: Classifier, rows: pd.DataFrame, report: Report | None = None) -> pd.DataFrame:
    """Return what each word of some texts adds to the log-probability of positive (or bullish) in both models.

    ``rows`` is a data table. The result has one row a text and word, ``word`` in lower case: ``row_id, text, answers,
    word, baseline, tuned, difference``; where a word stands in a text several times, the mean of leaving out each.
    Texts of no word or of over 80 are left out; :attr:`DataFrame.attrs` has how many, as ``left_out``.

    Raises:
        EmptyDataError: there is no text that can be explained.
    """
    texts = [(row, words) for _, row in rows.iterrows() if 0 < len(words := words_of(row["text"])) <= MOST_WORDS]
    if not texts:
        raise EmptyDataError(f"None of these texts has between 1 and {MOST_WORDS} words.")
    variants = pd.concat([variant_rows(row, words, leaving_each_out(len(words))) for row, words in texts])
    variants = variants.reset_index(drop=True)

    def of_both(before: int) -> Report | None:
        return report and (lambda done, total: report(before * total + done, len(MODELS) * total))

    effects = pd.concat([_words(row, words) for row, words in texts], ignore_index=True)
    for number, model in enumerate(MODELS):
        predictions = classifier.score(variants, model == "tuned", of_both(number), share=True)
        effects[model] = _of_positive(predictions, [words for _, words in texts])
    effects["difference"] = effects["tuned"] - effects["baseline"]
    of_a_word = effects.groupby(["row_id", "text", "answers", "word"], sort=False, as_index=False)
    effects = of_a_word[list(_INTERVALS)].mean()
    effects.attrs["left_out"] = len(rows) - len(texts)
    return effects


def push_table(effects: pd.DataFrame, min_texts: int = MIN_TEXTS) -> pd.DataFrame:
    """Return the mean effect of each word that stands in ``min_texts`` texts or more, those that push most first.

    Columns: ``word, texts`` and of ``baseline``, ``tuned`` and their ``difference`` the mean and the ends of its 95 %
    interval (Student's t over texts), ``<model> low`` and ``<model> high``, all in units of log-probability; sorted by
    the tuned model's.
    """
    from scipy.stats import t

    groups = effects.groupby("word", sort=False)
    count = groups.size()
    count = count[count >= max(min_texts, 2)]
    table: dict[str, Any] = {"word": count.index.to_list(), "texts": count.to_numpy(dtype=int)}
    quantile = t.ppf(1 - (1 - CONFIDENCE) / 2, count - 1)
    for name in _INTERVALS:
        mean = groups[name].mean().loc[count.index]
        reach = quantile * groups[name].std(ddof=1).loc[count.index] / np.sqrt(count)
        table |= {
            name: mean.to_numpy(),
            f"{name} low": (mean - reach).to_numpy(),
            f"{name} high": (mean + reach).to_numpy(),
        }
    return pd.DataFrame(table).sort_values(["tuned", "word"], ascending=[False, True]).reset_index(drop=True)


def texts_with(effects: pd.DataFrame, word: str) -> pd.DataFrame:
    """Return the texts that hold a word, with what it adds in each, the largest effect on the tuned model first."""
    found = effects[effects["word"] == word]
    return found.sort_values("tuned", ascending=False, kind="stable").reset_index(drop=True)


def _words(row: pd.Series, words: list[Word]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: row[name] for name in ("row_id", "text", "answers")} | {"word": [word.word.casefold() for word in words]}
    )


def _of_positive(predictions: pd.DataFrame, texts: list[list[Word]]) -> Numbers:
    """Return what each word of each text adds to positive or bullish, in the order of the texts' variants."""
    effects, begin = [], 0
    for words in texts:
        of_text = predictions.iloc[begin : begin + len(words) + 1]
        labels = split_answers(str(of_text["answers"].iloc[0]))
        shares = log_shares(of_text, labels)[:, labels.index(POSITIVE if POSITIVE in labels else BULLISH)]
        effects.append(shares[0] - shares[1:])
        begin += len(words) + 1
    whole: Numbers = np.concatenate(effects)
    return whole
