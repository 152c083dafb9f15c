"""Classify any text with the baseline and a run's fine-tuned model, from one base model in memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from finsent.errors import EmptyDataError
from finsent.inference.generation import generate_answers
from finsent.inference.predictions import answer_probabilities, label_predictions
from finsent.inference.prefix import PrefixCache
from finsent.inference.scoring import Report, score_both, score_labels
from finsent.labels import FIVE_LABELS, NEWS_ANSWERS, join_answers, split_answers
from finsent.models.adapter import load_adapter
from finsent.models.base import EMBEDDED, load_base, model_hash, resolve_model
from finsent.prompts import build_prompt, system_prompt_for
from finsent.runs.base_model import unchanged_base
from finsent.runs.chosen import Chosen, choose
from finsent.runs.cores import computing_beside_runs
from finsent.runs.find import find_run
from finsent.runs.removed import answers_new_texts, check_answers_new_texts
from finsent.runs.store import Run, list_runs

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
    """A base model, and an adapter that is switched on and off; safe to share between threads, which take turns.

    It computes with the cores that runs leave free, those of the default folder and of ``runs_dirs`` (see
    :mod:`finsent.runs.cores`). ``prompt`` is asked instead of the rows' own, with ``{text}`` where the text stands.

    Raises:
        ModelError, HubUnreachableError: as :func:`finsent.models.base.load_base` and ``load_adapter``.
    """

    def __init__(
        self,
        model: str,
        adapter_dir: Path | None = None,
        compute_dtype: str = "auto",
        runs_dirs: tuple[Path, ...] = (),
        prompt: str = "",
    ) -> None:
        self.runs_dirs = runs_dirs
        self.prompt = prompt
        self.has_adapter = adapter_dir is not None
        # What the adapter does changes the keys and values of every token.
        self._prefixes = {False: PrefixCache(), True: PrefixCache()}
        self._prefixes_of_both = PrefixCache(sides=2)
        with computing_beside_runs(runs_dirs):
            self.model, self.tokenizer = load_base(model, compute_dtype)
            if adapter_dir is not None:
                load_adapter(self.model, adapter_dir, model_hash(resolve_model(model)))

    @classmethod
    def of_run(cls, run: Run) -> "Classifier":
        """Return the classifier of a run's base model and adapter.

        Raises:
            RemovedSettingError: the adapter was trained with a way of reading texts that finsent no longer has.
            RunChangedError: the base model is not the one that the adapter was trained on.
        """
        check_answers_new_texts(run)
        unchanged_base(run)
        recipe = run.settled_recipe
        return cls(recipe.model, run.adapter_dir, recipe.compute_dtype, (run.folder.parent,), run.prompt)

    def score(self, rows: pd.DataFrame, tuned: bool, report: Report | None = None, share: bool = False) -> pd.DataFrame:
        """Return the predictions table of rows (a data table) by the baseline or by the fine-tuned model.

        ``share`` is for variants of texts; see :func:`finsent.inference.scoring.score_labels`.
        """
        with computing_beside_runs(self.runs_dirs) as threads:
            self._switch(tuned)
            follow = threads.follow(report, again=lambda: self._switch(tuned))
            prefixes = self._prefixes[tuned]
            scores = score_labels(self.model, self.tokenizer, self._asked(rows), follow, share=share, prefixes=prefixes)
            return label_predictions(rows, scores)

    def score_both(
        self, rows: pd.DataFrame, report: Report | None = None, share: bool = False
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the predictions tables of rows by the baseline and by the fine-tuned model, which there must be.

        As :meth:`score` twice but for rounding, in three quarters of the time. ``report(done, total)`` counts rows.
        """
        with computing_beside_runs(self.runs_dirs) as threads:
            self._switch(True)
            follow = threads.follow(report, again=lambda: self._switch(True))
            both = score_both(self.model, self.tokenizer, self._asked(rows), self._prefixes_of_both, follow, share)
            return label_predictions(rows, both[0]), label_predictions(rows, both[1])

    def generate(self, rows: pd.DataFrame, tuned: bool, report: Report | None = None) -> pd.DataFrame:
        """Return what the baseline or the fine-tuned model writes; see :mod:`finsent.inference.generation`."""
        with computing_beside_runs(self.runs_dirs) as threads:
            self._switch(tuned)
            follow = threads.follow(report, again=lambda: self._switch(tuned))
            return generate_answers(self.model, self.tokenizer, self._asked(rows), follow)

    def _asked(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows with the prompt that the adapter was trained with, where that is not the data's own."""
        if not self.prompt:
            return rows
        prompts = [self.prompt.replace("{text}", text) for text in rows["text"]]
        return rows.assign(system_prompt=self.prompt, prompt=prompts)

    def _switch(self, tuned: bool) -> None:
        """Turn the adapter on or off: both models' answers come from one set of base weights in memory."""
        if self.has_adapter and tuned:
            self.model.enable_adapters()
        elif self.has_adapter:
            self.model.disable_adapters()

    def classify(
        self,
        texts: list[str],
        answers: tuple[str, ...] = NEWS_ANSWERS,
        report: Report | None = None,
        share: bool = False,
    ) -> list[Classified]:
        """Return both models' answers to texts, within an answer set.

        ``report(done, total)`` counts answers, those of both models, and may raise to stop the work. ``share``
        is for variants of a text.

        Raises:
            EmptyDataError: there is no text, or an empty one, or one of over 2,000 characters.
        """
        rows = text_rows(texts, answers)
        if not self.has_adapter:
            alone = answers_of(self.score(rows, False, report, share))
            return [Classified(text, answer, None) for text, answer in zip(rows["text"], alone, strict=True)]

        def of_both(done: int, total: int) -> None:
            if report is not None:
                report(2 * done, 2 * total)

        baseline, tuned = map(answers_of, self.score_both(rows, of_both, share))
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


def whose_classifier(runs_dir: Path, run: str | None, model: str | None) -> tuple[Classifier, str]:
    """Return the classifier of the run that is meant, of a base model alone, or, where neither is named, of the run
    that :func:`chosen_adapter` returns; and a line that says whose it is.

    Raises:
        RunNotFoundError: no run, or not one alone, is meant.
        ModelError: as :class:`Classifier`.
    """
    if run is not None:
        meant = find_run(runs_dir, run)
        return Classifier.of_run(meant), f"fine-tuned model: run {meant.id}"
    found = chosen_adapter(runs_dir) if model is None else None
    if found is not None:
        return Classifier.of_run(found.run), f"fine-tuned model: run {found.run.id} ({found.why})"
    base = EMBEDDED if model is None else model
    return Classifier(base, runs_dirs=(runs_dir,)), f"base model alone: {base}"


def chosen_adapter(runs_dir: Path) -> Chosen | None:
    """Return the run whose adapter answers new texts where nobody names one; see :func:`finsent.runs.chosen.choose`."""
    return choose(list_runs(runs_dir), runs_dir, lambda run: run.has_adapter and answers_new_texts(run))


def answers_of(predictions: pd.DataFrame) -> list[Answer]:
    """Return the answer of each row of a predictions table, its probabilities in the order negative to positive."""
    probabilities = answer_probabilities(predictions)
    answers = []
    for number, row in enumerate(predictions.itertuples()):
        values = dict(zip(FIVE_LABELS, probabilities[number].tolist(), strict=True))
        allowed = split_answers(str(row.answers))
        answers.append(Answer(str(row.predicted), {label: values[label] for label in FIVE_LABELS if label in allowed}))
    return answers
