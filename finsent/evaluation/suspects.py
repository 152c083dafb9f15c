"""Rows whose label is worth a second look: probable label errors, by confident learning.

Confident learning (Northcutt, Jiang and Chuang 2021) compares each row's label with probabilities from models that
were not trained on the row, here by cleanlab. That a row is listed says that its label is unlike those of texts like
it, and not that it is wrong.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finsent.data.neighbours import Neighbours
from finsent.data.prepared import Prepared
from finsent.data.twins import normalise
from finsent.errors import EmptyDataError
from finsent.inference.predictions import answer_probabilities, load_predictions
from finsent.labels import FIVE_LABELS, split_answers
from finsent.metrics.statistics import Numbers
from finsent.runs.store import Run

FOLDS = 10
_FEWEST_PER_LABEL = 3
WORDS, WORDS_AND_MODEL = "words", "words and model"
COLUMNS = [
    *("row_id", "text", "label", "likely", "quality", "p_label", "p_likely", "evidence", "model says", "model sure"),
    *("similar agree", "similar", "split", "answers"),
]
_SIMILAR = 5


@dataclass(frozen=True)
class Suspects:
    """The rows worth a second look among the ``n`` rows that were looked at, the most doubtful first.

    ``rows`` has ``row_id, text, label, likely`` (the label that speaks against it), ``quality`` (the probability of the
    given label, 0 to 1: low is doubtful), ``p_likely``, ``evidence`` (words, or words and model), ``model says`` and
    ``model sure`` (of the fine-tuned model where it has not trained on the row), ``similar agree`` of ``similar`` (how
    many of the most similar other rows have the given label), ``split`` and ``answers``. ``left_out`` counts rows of
    labels too rare to learn.
    """

    rows: pd.DataFrame
    n: int
    left_out: int


def run_suspects(run: Run, data: Prepared, seed: int = 0) -> Suspects:
    """Return the doubtful rows among all that a run draws, with its own fine-tuned model's view of those held out."""
    rows = pd.concat([data.train, data.judged], ignore_index=True)
    held_out = load_predictions(run.predictions_file("tuned")) if run.has_comparison else None
    return label_suspects(rows, held_out, seed)


def label_suspects(rows: pd.DataFrame, held_out: pd.DataFrame | None = None, seed: int = 0) -> Suspects:
    """Return the rows of a data table (``row_id, text, label, answers, split``) whose label is worth a second look.

    Probabilities are of a logistic regression on the tf-idf of words, pairs of words and groups of three or four
    letters (so that “widens” speaks for “widened”, too), cross-validated in ten folds in which rows of the same text
    stay together; for rows of ``held_out`` (a predictions table of a model that has not trained on them) the mean of
    these and of the model's. Each answer set is looked at by itself.

    Raises:
        EmptyDataError: no label has enough rows.
    """
    parts, looked_at = [], 0
    for cell in rows["answers"].unique():
        part = rows[rows["answers"] == cell]
        counts = part["label"].value_counts()
        part = part[part["label"].isin(counts.index[counts >= _FEWEST_PER_LABEL])].reset_index(drop=True)
        if part["label"].nunique() > 1:
            looked_at += len(part)
            parts.append(_suspects_of(part, held_out, seed))
    if not parts:
        raise EmptyDataError(
            f"There are too few rows to look for doubtful labels: two labels need {_FEWEST_PER_LABEL} rows each."
        )
    found = pd.concat(parts, ignore_index=True).sort_values("quality", kind="stable", ignore_index=True)
    return Suspects(_with_similar(found, rows)[COLUMNS], looked_at, len(rows) - looked_at)


def _suspects_of(rows: pd.DataFrame, held_out: pd.DataFrame | None, seed: int) -> pd.DataFrame:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    classes = sorted(rows["label"].unique())
    given = rows["label"].map(classes.index).to_numpy()
    words = _cross_validated(rows, given, seed)
    model = _model_view(rows, classes, held_out)
    known: Numbers = np.asarray(~np.isnan(model).any(axis=1))
    probabilities = np.where(known[:, None], (words + np.nan_to_num(model)) / 2, words)
    chosen = find_label_issues(given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    others = np.where(given[:, None] == np.arange(len(classes)), -1.0, probabilities)
    likely, says = others.argmax(axis=1), np.nan_to_num(model, nan=-1.0).argmax(axis=1)
    names = np.array(classes, dtype=object)
    table = rows.assign(
        quality=get_label_quality_scores(given, probabilities),
        likely=names[likely],
        p_label=probabilities[np.arange(len(rows)), given],
        p_likely=probabilities[np.arange(len(rows)), likely],
        evidence=np.where(known, WORDS_AND_MODEL, WORDS),
    )
    table["model says"] = np.where(known, names[says], "")
    table["model sure"] = np.where(known, np.nan_to_num(model, nan=-1.0).max(axis=1), np.nan)
    suspects: pd.DataFrame = table.iloc[chosen]
    return suspects


def _cross_validated(rows: pd.DataFrame, given: Numbers, seed: int) -> Numbers:
    """Return each row's probability of each label by models that have not seen its text, shape (rows, labels)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_union

    folds = min(FOLDS, int(np.bincount(given).min()))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    groups = pd.factorize(normalise(rows["text"]))[0]
    # How often a word occurs says nothing about labels, so that it may be counted over all rows, once.
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True)
    vectors = make_union(words, letters).fit_transform(rows["text"])
    model = LogisticRegression(C=10.0, max_iter=1_000)
    found: Numbers = cross_val_predict(model, vectors, given, groups=groups, cv=splitter, method="predict_proba")
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


def _with_similar(found: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return suspects with the number of most similar other rows, and of those of them that have the given label."""
    index = Neighbours(rows)
    agree, similar = [], []
    for suspect in found[["row_id", "text", "label", "answers"]].to_dict("records"):
        near = index.of(suspect["text"], _SIMILAR + 1, split_answers(suspect["answers"]))
        near = near[near["row_id"] != suspect["row_id"]].head(_SIMILAR)
        similar.append(len(near))
        agree.append(int((near["label"] == suspect["label"]).sum()))
    return found.assign(**{"similar agree": agree, "similar": similar})
