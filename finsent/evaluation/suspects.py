"""Rows whose label is worth a second look: probable label errors, by confident learning.

Confident learning (Northcutt, Jiang and Chuang 2021) compares each row's label with probabilities from models that
were not trained on the row, here by cleanlab. That a row is listed says that its label is unlike those of texts like
it, and not that it is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finsent.data.neighbours import Neighbours
from finsent.data.prepared import Prepared
from finsent.data.twins import normalise
from finsent.errors import EmptyDataError, FinsentError
from finsent.evaluation.text_states import ModelReading, prompt_reading, read_states
from finsent.inference.predictions import answer_probabilities, load_predictions
from finsent.labels import FIVE_LABELS, split_answers
from finsent.metrics.statistics import Numbers
from finsent.runs.store import Run
from finsent.runs.taught import taught_rows

FOLDS = 10
_FEWEST_PER_LABEL = 3
#: Chosen on three draws of 40 flipped labels and held against two others, see docs/results.md: the kernel's components,
#: the regression's C, and what share of the regressions' say the words have where there are states.
_COMPONENTS, _STATES_C, _WORDS_SHARE = 400, 10.0, 0.25
#: What speaks of a row, in the order in which evidence names it.
WORDS, STATES, MODEL = "words", "states", "model"
COLUMNS = [
    *("row_id", "text", "label", "likely", "quality", "p_label", "p_likely", "evidence", "model says", "model sure"),
    *("similar agree", "similar", "split", "answers"),
]
_SIMILAR = 5
#: Called with what is counted, in words, how many of them are done, and of how many.
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Suspects:
    """The rows worth a second look among the ``n`` rows that were looked at, the most doubtful first.

    ``rows`` has ``row_id, text, label, likely`` (the label that speaks against it), ``quality`` (the probability of the
    given label, 0 to 1: low is doubtful), ``p_likely``, ``evidence`` (words; words, states; ...), ``model says`` and
    ``model sure`` (of the fine-tuned model where it has not trained on the row), ``similar agree`` of ``similar`` (how
    many of the most similar other rows have the given label), ``split`` and ``answers``. ``left_out`` counts rows of
    labels too rare to learn, and ``read`` those whose prompts the base model has read.
    """

    rows: pd.DataFrame
    n: int
    left_out: int
    read: int


def run_reading(run: Run, data: Prepared) -> tuple[pd.DataFrame, ModelReading]:
    """Return the rows that a run draws whose prompts its base model may read, and that reading.

    Raises:
        ModelError: the run's base model is not there.
    """
    return prompt_reading(pd.concat([data.train, data.judged], ignore_index=True), run.settled_recipe.model)


def run_suspects(run: Run, data: Prepared, seed: int = 0, report: Report | None = None) -> Suspects:
    """Return the doubtful rows among all that a run draws, with its own fine-tuned model's view of those held out.

    Where its base model has read the rows' prompts (see :func:`run_reading`), that speaks of them, too.
    """
    rows = pd.concat([data.train, data.judged], ignore_index=True)
    held_out = _held_out(run) if run.has_comparison else None
    return label_suspects(rows, held_out, seed, kept_states(run, data), report)


def _held_out(run: Run) -> pd.DataFrame:
    """Return what a run's adapter answers to rows that it has not learnt, from its own training or an earlier one's."""
    answered, taught = load_predictions(run.predictions_file("tuned")), taught_rows(run).rows
    return answered if taught is None else answered[~answered["text"].isin(taught["text"])]


def kept_states(run: Run, data: Prepared) -> pd.DataFrame | None:
    """Return what a run's base model holds of the prompts of its rows, by row id; None where it has not read them."""
    try:
        some, reading = run_reading(run, data)
        states, _ = read_states(reading, run.folder.parent)
    except FinsentError:
        # Without the model that read them nobody can say what they are of.
        return None
    return None if states is None else pd.DataFrame(states, index=some["row_id"])


def label_suspects(
    rows: pd.DataFrame,
    held_out: pd.DataFrame | None = None,
    seed: int = 0,
    states: pd.DataFrame | None = None,
    report: Report | None = None,
) -> Suspects:
    """Return the rows of a data table (``row_id, text, label, answers, split``) whose label is worth a second look.

    Probabilities are of models that have not trained on the row: a logistic regression on the tf-idf of words, pairs of
    words and groups of three or four letters (so that “widens” speaks for “widened”, too); three times as much weight
    has a kernel logistic regression on the ``states`` of a base model (a row of numbers a row id), where it has read
    the row; and for rows of ``held_out`` (a predictions table) the model that answered them counts as much as both.
    Regressions are cross-validated in ten folds in which rows of the same text stay together. Each answer set is
    looked at by itself. ``report`` is called as the work goes on.

    Raises:
        EmptyDataError: no label has enough rows.
    """
    parts = [part for cell in rows["answers"].unique() if len(part := _learnable(rows[rows["answers"] == cell]))]
    if not parts:
        raise EmptyDataError(
            f"There are too few rows to look for doubtful labels: two labels need {_FEWEST_PER_LABEL} rows each."
        )
    report = report or (lambda *_: None)
    fits = _Fits(seed, report, sum(map(_folds, parts)) * (1 if states is None else 2))
    suspects = [_suspects_of(part, held_out, states, fits) for part in parts]
    looked_at = sum(map(len, parts))
    found = pd.concat(suspects, ignore_index=True).sort_values("quality", kind="stable", ignore_index=True)
    read = 0 if states is None else int(rows["row_id"].isin(states.index).sum())
    return Suspects(_with_similar(found, rows, report)[COLUMNS], looked_at, len(rows) - looked_at, read)


def _learnable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose label is not too rare, or none where fewer than two labels are left."""
    counts = rows["label"].value_counts()
    rows = rows[rows["label"].isin(counts.index[counts >= _FEWEST_PER_LABEL])].reset_index(drop=True)
    return rows if rows["label"].nunique() > 1 else rows.head(0)


def _folds(rows: pd.DataFrame) -> int:
    return min(FOLDS, int(rows["label"].value_counts().min()))


@dataclass
class _Fits:
    """What the cross-validated models have in common: the seed of the folds, and how many of all have been fitted."""

    seed: int
    report: Report
    total: int
    done: int = 0

    def one_more(self) -> None:
        self.done = min(self.done + 1, self.total)
        self.report("models that learn from other rows", self.done, self.total)


def _suspects_of(
    rows: pd.DataFrame, held_out: pd.DataFrame | None, states: pd.DataFrame | None, fits: _Fits
) -> pd.DataFrame:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    classes = sorted(rows["label"].unique())
    given = rows["label"].map(classes.index).to_numpy()
    model = _model_view(rows, classes, held_out)
    words, read = _by_words(rows, given, fits), _by_states(rows, given, states, fits)
    views = {WORDS: words, STATES: read, MODEL: model}
    known: Numbers = np.asarray(~np.isnan(model).any(axis=1))
    regressions = np.where(np.isnan(read), words, _WORDS_SHARE * words + (1 - _WORDS_SHARE) * read)
    probabilities: Numbers = np.where(known[:, None], (regressions + np.nan_to_num(model)) / 2, regressions)
    chosen = find_label_issues(given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    others = np.where(given[:, None] == np.arange(len(classes)), -1.0, probabilities)
    likely, says = others.argmax(axis=1), np.nan_to_num(model, nan=-1.0).argmax(axis=1)
    names = np.array(classes, dtype=object)
    table = rows.assign(
        quality=get_label_quality_scores(given, probabilities),
        likely=names[likely],
        p_label=probabilities[np.arange(len(rows)), given],
        p_likely=probabilities[np.arange(len(rows)), likely],
        evidence=_evidence(views),
    )
    table["model says"] = np.where(known, names[says], "")
    table["model sure"] = np.where(known, np.nan_to_num(model, nan=-1.0).max(axis=1), np.nan)
    suspects: pd.DataFrame = table.iloc[chosen]
    return suspects


def _evidence(views: dict[str, Numbers]) -> list[str]:
    """Return what speaks of each row, in words."""
    names = list(views)
    there = np.stack([~np.isnan(view).any(axis=1) for view in views.values()], axis=1)
    return [", ".join(name for name, speaks in zip(names, row, strict=True) if speaks) for row in there]


def _by_words(rows: pd.DataFrame, given: Numbers, fits: _Fits) -> Numbers:
    """Return each row's probability of each label by the words of others, shape (rows, labels)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_union

    # How often a word occurs says nothing about labels, so that it may be counted over all rows, once.
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True)
    vectors = make_union(words, letters).fit_transform(rows["text"])
    return _cross_validated(LogisticRegression(C=10.0, max_iter=1_000), vectors, rows["text"], given, fits)


def _by_states(rows: pd.DataFrame, given: Numbers, states: pd.DataFrame | None, fits: _Fits) -> Numbers:
    """Return the same by what a base model holds of the prompts, NaN in rows that it has not read."""
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = int(given.max()) + 1
    found = np.full((len(rows), labels), np.nan)
    read = np.zeros(len(rows), dtype=bool) if states is None else rows["row_id"].isin(states.index).to_numpy()
    if states is None or np.bincount(given[read], minlength=labels).min() < _FEWEST_PER_LABEL:
        return found
    vectors = states.loc[rows.loc[read, "row_id"]].to_numpy()
    # Of each fold's rows two thirds at most, so that there are enough of them in each.
    kernel = Nystroem(n_components=min(_COMPONENTS, 2 * len(vectors) // 3), random_state=fits.seed)
    model = make_pipeline(StandardScaler(), kernel, LogisticRegression(C=_STATES_C, tol=1e-3, max_iter=1_000))
    found[read] = _cross_validated(model, vectors, rows.loc[read, "text"], given[read], fits)
    return found


def _cross_validated(model: Any, vectors: Any, texts: pd.Series, given: Numbers, fits: _Fits) -> Numbers:
    """Return each row's probability of each label by models that have not seen its text, shape (rows, labels)."""
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(FOLDS, int(np.bincount(given).min()))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=fits.seed)
    groups = pd.factorize(normalise(texts))[0]
    found = np.zeros((len(given), int(given.max()) + 1))
    for train, held in splitter.split(vectors, given, groups):
        fitted = clone(model).fit(vectors[train], given[train])
        found[np.ix_(held, fitted.classes_)] = fitted.predict_proba(vectors[held])
        fits.one_more()
    return found


def _model_view(rows: pd.DataFrame, classes: list[str], held_out: pd.DataFrame | None) -> Numbers:
    """Return the model's probability of each label, NaN in rows that it has trained on or not been asked about."""
    view = np.full((len(rows), len(classes)), np.nan)
    if held_out is None:
        return view
    shares = pd.DataFrame(answer_probabilities(held_out), columns=FIVE_LABELS, index=held_out["row_id"])
    places = shares.index.get_indexer(pd.Index(rows["row_id"]))
    asked = places >= 0
    own = shares[classes].to_numpy()[places[asked]]
    view[asked] = own / np.nansum(own, axis=1, keepdims=True)
    return view


def _with_similar(found: pd.DataFrame, rows: pd.DataFrame, report: Report) -> pd.DataFrame:
    """Return suspects with the number of most similar other rows, and of those of them that have the given label."""
    index = Neighbours(rows)
    agree, similar = [], []
    for suspect in found[["row_id", "text", "label", "answers"]].to_dict("records"):
        near = index.of(suspect["text"], _SIMILAR + 1, split_answers(suspect["answers"]))
        near = near[near["row_id"] != suspect["row_id"]].head(_SIMILAR)
        similar.append(len(near))
        agree.append(int((near["label"] == suspect["label"]).sum()))
        report("doubtful rows held against similar ones", len(agree), len(found))
    return found.assign(**{"similar agree": agree, "similar": similar})
