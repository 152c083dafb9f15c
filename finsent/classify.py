"""Classify any text with the baseline and a run's fine-tuned model, from one base model in memory."""

import io
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd

from finsent.errors import EmptyDataError, MissingColumnError, SourceNotFoundError
from finsent.generation import generate_answers
from finsent.labels import FIVE_LABELS, NEWS_ANSWERS, join_answers, split_answers
from finsent.models import load_adapter, load_base
from finsent.predictions import answer_probabilities, label_predictions
from finsent.prompts import build_prompt, system_prompt_for
from finsent.recipes import Attention
from finsent.runs import Run, list_runs
from finsent.scoring import Report, score_labels
from finsent.sources import read_table

MAX_CHARACTERS = 2_000


@dataclass(frozen=True)
class Answer:
    """A model's answer to one text: the label, and each label's probability within the answer set."""

    label: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Classified:
    """One text with the baseline's answer and, where a run was given, the fine-tuned model's."""

    text: str
    baseline: Answer
    tuned: Answer | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "text": self.text,
            "baseline": vars(self.baseline),
            "tuned": vars(self.tuned) if self.tuned else None,
        }


class Classifier:
    """A base model, and an adapter that is switched on and off; safe to share between threads.

    ``attention`` is what the adapter was trained with; the base model's is causal.

    Raises:
        ModelError, HubUnreachableError: as :func:`finsent.models.load_base` and ``load_adapter``.
    """

    def __init__(
        self,
        model: str,
        adapter_dir: Path | None = None,
        compute_dtype: str = "auto",
        attention: Attention = "causal",
    ) -> None:
        self.attention = attention
        self.model, self.tokenizer = load_base(model, compute_dtype)
        self.has_adapter = adapter_dir is not None
        if adapter_dir is not None:
            load_adapter(self.model, adapter_dir)
        self._lock = Lock()

    @classmethod
    def of_run(cls, run: Run) -> "Classifier":
        """Return the classifier of a run's base model and adapter."""
        recipe = run.settled_recipe
        return cls(recipe.model, run.adapter_dir, recipe.compute_dtype, recipe.attention)

    def score(self, rows: pd.DataFrame, tuned: bool, report: Report | None = None) -> pd.DataFrame:
        """Return the predictions table of rows (a data table) by the baseline or by the fine-tuned model."""
        with self._lock:
            attention = self._switch(tuned)
            return label_predictions(rows, score_labels(self.model, self.tokenizer, rows, report, attention=attention))

    def generate(self, rows: pd.DataFrame, tuned: bool, report: Report | None = None) -> pd.DataFrame:
        """Return what the baseline or the fine-tuned model writes; see :mod:`finsent.generation`."""
        with self._lock:
            attention = self._switch(tuned)
            return generate_answers(self.model, self.tokenizer, rows, report, attention=attention)

    def _switch(self, tuned: bool) -> Attention:
        """Turn the adapter on or off: both models' answers come from one set of base weights in memory.

        Returns how the tokens of a text attend in the model that is asked for.
        """
        if self.has_adapter and tuned:
            self.model.enable_adapters()
        elif self.has_adapter:
            self.model.disable_adapters()
        return self.attention if tuned else "causal"

    def classify(self, texts: list[str], answers: tuple[str, ...] = NEWS_ANSWERS) -> list[Classified]:
        """Return both models' answers to texts, within an answer set.

        Raises:
            EmptyDataError: there is no text, or an empty one, or one of over 2,000 characters.
        """
        rows = text_rows(texts, answers)
        baseline = _answers(self.score(rows, tuned=False))
        tuned = _answers(self.score(rows, tuned=True)) if self.has_adapter else [None] * len(rows)
        return [Classified(*parts) for parts in zip(rows["text"], baseline, tuned, strict=True)]


def text_rows(texts: list[str], answers: tuple[str, ...] = NEWS_ANSWERS) -> pd.DataFrame:
    """Return unlabelled texts as a table that can be scored; see :meth:`Classifier.classify` for what is raised."""
    cleaned = [text.strip() for text in texts]
    if not cleaned or not all(cleaned):
        raise EmptyDataError("There is an empty text. Give at least one headline, each with some words.")
    longest = max(cleaned, key=len)
    if len(longest) > MAX_CHARACTERS:
        raise EmptyDataError(
            f"The text that begins “{longest[:40]}” has {len(longest):,} characters; the limit is "
            f"{MAX_CHARACTERS:,}. Give a headline or a few sentences."
        )
    system_prompt = system_prompt_for(answers)
    return pd.DataFrame(
        {
            "row_id": [str(number) for number in range(len(cleaned))],
            "text": cleaned,
            "label": None,
            "answers": join_answers(answers),
            "source": "typed",
            "topic": "",
            "split": "",
            "system_prompt": system_prompt,
            "prompt": [build_prompt(system_prompt, text) for text in cleaned],
        }
    )


def read_texts(file: Path | io.BytesIO, name: str) -> list[str]:
    """Return the column “text” of a file of a kind that data may have; ``name`` is what messages call it.

    Raises:
        DataError: there is no such file, it cannot be read (see :func:`finsent.sources.read_table`), or it has no such
            column.
    """
    if isinstance(file, Path) and not file.is_file():
        raise SourceNotFoundError(f"There is no file {name}.")
    table = read_table(file, name)
    if "text" not in table:
        raise MissingColumnError(f"{name} has no column “text”; it has: {', '.join(map(str, table.columns))}.")
    return table["text"].fillna("").astype(str).tolist()


def newest_adapter(runs_dir: Path) -> Run | None:
    """Return the newest run that has an adapter, or None."""
    return next((run for run in list_runs(runs_dir) if run.has_adapter), None)


def _answers(predictions: pd.DataFrame) -> list[Answer]:
    probabilities = answer_probabilities(predictions)
    answers = []
    for number, row in enumerate(predictions.itertuples()):
        values = dict(zip(FIVE_LABELS, probabilities[number].tolist(), strict=True))
        answers.append(Answer(row.predicted, {label: values[label] for label in split_answers(row.answers)}))
    return answers
