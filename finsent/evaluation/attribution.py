"""Why a model says what it says of a text: what each word adds to each label, for the baseline and the tuned model.

The unit is the change of a label's log-probability within the answer set (natural logarithm): above zero a word pushes
towards the label, below it away. Two methods: leaving each word out in turn, which is exact and answers “what if it
were not there?”; and Shapley values of the words (:mod:`finsent.evaluation.shapley`), sampled and with standard
errors, which share out between words what they do together. Either is computed from whole texts, so that nothing is
assumed of the model; all variants of a text are scored in one packed row that computes what they begin with once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError, TooManyTextsError
from finsent.evaluation.classifier import Answer, Classifier, answers_of, text_rows
from finsent.evaluation.shapley import sampled_shapley
from finsent.evaluation.words import Word, text_of, words_of
from finsent.inference.predictions import LOGP_COLUMNS
from finsent.inference.scoring import Report
from finsent.labels import FIVE_LABELS, NEWS_ANSWERS, split_answers
from finsent.metrics.statistics import Numbers
from finsent.prompts import build_prompt

#: Of more words an explanation is neither quick nor read.
MOST_WORDS = 80
#: Pairs of orders that Shapley values are sampled from, unless asked for otherwise.
PAIRS = 8
LEAVING_OUT, SHAPLEY = "leaving out", "Shapley"


@dataclass(frozen=True)
class Attribution:
    """What each word does to one model's answer.

    ``answer`` is that to the whole text and ``without`` those to the text without each word. ``effects`` and, where
    they were sampled, their standard ``errors`` have one ``{label: change of log-probability}`` a word.
    """

    answer: Answer
    without: tuple[Answer, ...]
    effects: tuple[dict[str, float], ...]
    errors: tuple[dict[str, float], ...] | None = None


@dataclass(frozen=True)
class Explanation:
    """A text, its words, and what they do to the answers of the baseline and, where there is one, the tuned model."""

    text: str
    words: tuple[Word, ...]
    method: str
    baseline: Attribution
    tuned: Attribution | None

    @property
    def models(self) -> dict[str, Attribution]:
        """The models' attributions by name, the baseline's first."""
        return {"baseline": self.baseline} | ({"tuned": self.tuned} if self.tuned else {})

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        models = {
            name: {
                "answer": vars(one.answer),
                "words": [
                    {
                        "word": word.word,
                        "start": word.start,
                        "end": word.end,
                        "effects": one.effects[number],
                        "errors": one.errors[number] if one.errors else None,
                        "without": vars(one.without[number]),
                    }
                    for number, word in enumerate(self.words)
                ],
                "sentence": sentence(self, name),
            }
            for name, one in self.models.items()
        }
        return {"text": self.text, "method": self.method} | models


def explain(
    classifier: Classifier,
    text: str,
    answers: tuple[str, ...] = NEWS_ANSWERS,
    pairs: int = 0,
    report: Report | None = None,
) -> Explanation:
    """Return what each word of a text does to the models' answers.

    It leaves each word out in turn or, with ``pairs`` of orders (2 or more), samples Shapley values.
    ``report(done, total)`` counts the variants that were scored, those of both models.

    Raises:
        EmptyDataError: the text is empty, too long, or has no word.
        TooManyTextsError: it has over 80 words.
    """
    row = text_rows([text], answers).iloc[0]
    words = explainable_words(row["text"])
    kept = leaving_each_out(len(words))
    results = []
    models = (False, True) if classifier.has_adapter else (False,)
    for number, tuned in enumerate(models):
        follow = _part_of(report, number, len(models))
        results.append(_attribution(classifier, row, words, kept, tuned, pairs, follow))
    method = SHAPLEY if pairs else LEAVING_OUT
    return Explanation(row["text"], tuple(words), method, results[0], results[1] if len(results) > 1 else None)


def explainable_words(text: str) -> list[Word]:
    """Return the words of a text that can be explained; see :func:`explain` for what is raised."""
    words = words_of(text)
    if not words:
        raise EmptyDataError("This text has no word that could be left out. Give a headline.")
    if len(words) > MOST_WORDS:
        raise TooManyTextsError(
            f"This text has {len(words):,} words, and an explanation takes {MOST_WORDS} at most. Give a headline or a "
            "sentence or two."
        )
    return words


def leaving_each_out(count: int) -> Numbers:
    """Return which words are kept: all of them, then all but each in turn; shape (count + 1, count)."""
    return np.vstack([np.ones(count, dtype=bool), ~np.eye(count, dtype=bool)])


def variant_rows(row: pd.Series, words: list[Word], kept: Numbers) -> pd.DataFrame:
    """Return a row's text with the words that are ``kept``, (variants, words), as a table that can be scored."""
    texts = [text_of(row["text"], words, one) for one in kept]
    prompts = [build_prompt(row["system_prompt"], text) for text in texts]
    rows = pd.DataFrame([row] * len(texts)).reset_index(drop=True)
    return rows.assign(row_id=[str(number) for number in range(len(texts))], text=texts, prompt=prompts)


def log_shares(predictions: pd.DataFrame, labels: tuple[str, ...]) -> Numbers:
    """Return the log-probabilities of labels within their answer set, shape (rows, labels)."""
    values = predictions[[LOGP_COLUMNS[FIVE_LABELS.index(label)] for label in labels]].to_numpy(dtype=float)
    shares: Numbers = values - np.logaddexp.reduce(values, axis=1, keepdims=True)
    return shares


def sentence(explanation: Explanation, model: str) -> str:
    """Return in one plain sentence which word decides a model's answer, or that none does by itself."""
    one = explanation.models[model]
    name = "fine-tuned model" if model == "tuned" else "baseline"
    label, sure = one.answer.label, one.answer.probabilities[one.answer.label]
    without = [answer.probabilities[label] for answer in one.without]
    turned = [number for number, answer in enumerate(one.without) if answer.label != label]
    number = min(turned or range(len(without)), key=without.__getitem__)
    word, other = explanation.words[number].word, one.without[number]
    if turned:
        return (
            f"Without “{word}” the {name} says {other.label} with {_percent(other.probabilities[other.label])}, "
            f"not {label} with {_percent(sure)}."
        )
    if without[number] >= sure:
        return f"The {name} says {label} with {_percent(sure)}, and no word makes it surer of that."
    return (
        f"The {name} says {label} with {_percent(sure)}, whichever word is left out; without “{word}” it is least sure "
        f"({_percent(without[number])})."
    )


def push_of(effects: dict[str, float]) -> tuple[str, float]:
    """Return the label that a word pushes towards most, and by how much more than towards the labels on average.

    Against their average, since a label that is as good as certain gains next to nothing while the others lose.
    """
    label = max(effects, key=effects.__getitem__)
    return label, effects[label] - sum(effects.values()) / len(effects)


def effects_table(explanation: Explanation) -> pd.DataFrame:
    """Return one row a word in the text's order: ``word``, and of each model and label the effect.

    Columns ``<model>: <label>`` and, for sampled values, ``<model>: <label> ±`` (standard error), and of each model
    ``<model> without`` and ``<model> without, sure``: its answer to the text without the word.
    """
    table: dict[str, list[Any]] = {"word": [word.word for word in explanation.words]}
    for name, one in explanation.models.items():
        shown = "fine-tuned" if name == "tuned" else name
        for label in one.answer.probabilities:
            table[f"{shown}: {label}"] = [effects[label] for effects in one.effects]
            if one.errors:
                table[f"{shown}: {label} ±"] = [errors[label] for errors in one.errors]
        table[f"{shown} without"] = [answer.label for answer in one.without]
        table[f"{shown} without, sure"] = [answer.probabilities[answer.label] for answer in one.without]
    return pd.DataFrame(table)


def _attribution(
    classifier: Classifier,
    row: pd.Series,
    words: list[Word],
    kept: Numbers,
    tuned: bool,
    pairs: int,
    report: Report | None,
) -> Attribution:
    labels = split_answers(row["answers"])
    # Leaving out is part of both methods: its answers are what the sentence is about.
    predictions = classifier.score(variant_rows(row, words, kept), tuned, None if pairs else report, share=True)
    answers, shares = answers_of(predictions), log_shares(predictions, labels)
    effects, errors = shares[0] - shares[1:], None
    if pairs:

        def worth(coalitions: Numbers) -> Numbers:
            rows = variant_rows(row, words, coalitions)
            return log_shares(classifier.score(rows, tuned, report, share=True), labels)

        sampled = sampled_shapley(worth, len(words), pairs)
        effects, errors = sampled.values, _by_label(sampled.errors, labels)
    return Attribution(answers[0], tuple(answers[1:]), _by_label(effects, labels), errors)


def _by_label(values: Numbers, labels: tuple[str, ...]) -> tuple[dict[str, float], ...]:
    return tuple(dict(zip(labels, row.tolist(), strict=True)) for row in values)


def _part_of(report: Report | None, number: int, parts: int) -> Report | None:
    """Return a report on one of several equal parts of some work."""
    return report and (lambda done, total: report(number * total + done, parts * total))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
