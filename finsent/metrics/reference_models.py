"""References for scale: what the most frequent label and a bag of words reach with the same training rows.

A large model that loses to them has to be seen to lose.
"""

from typing import Any

import numpy as np
import pandas as pd

from finsent.data.twins import KINDS, find_twins
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions
from finsent.labels import FIVE_LABELS, split_answers
from finsent.metrics.figures import Overlap
from finsent.metrics.statistics import Numbers

MAJORITY, BAG_OF_WORDS = "majority", "tfidf_logreg"
REFERENCE_TITLES = {MAJORITY: "most frequent label", BAG_OF_WORDS: "tf-idf + logistic regression"}


def reference_predictions(training: pd.DataFrame, rows: pd.DataFrame, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Return the predictions tables of both references on ``rows``, trained on ``training`` (``text, label``).

    ``majority`` gives the most frequent training label of those that a row's answer set allows; ``tfidf_logreg`` is
    multinomial logistic regression on the tf-idf of words and pairs of words, with the same restriction. Its settings
    are scikit-learn's defaults but for sublinear tf and C = 10 (weaker shrinkage, usual for short texts); nothing is
    tuned. It is left out where the training rows have a single label.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    models: dict[str, Any] = {MAJORITY: DummyClassifier(strategy="prior")}
    if training["label"].nunique() > 1:
        models[BAG_OF_WORDS] = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
            LogisticRegression(C=10.0, max_iter=1_000, random_state=seed),
        )
    tables = {}
    for name, model in models.items():
        model.fit(training["text"], training["label"])
        tables[name] = _within_answer_sets(rows, list(model.classes_), model.predict_proba(rows["text"]))
    return tables


def overlap_with_training(training: pd.DataFrame, rows: pd.DataFrame) -> Overlap:
    """Return which rows have a twin among the training rows; see :mod:`finsent.data.twins` for what that is.

    Figures on such rows flatter. Both tables have the columns ``row_id`` and ``text``.
    """
    twins = find_twins(training, rows)
    same, other_digits, near = (int((twins["kind"] == kind).sum()) for kind in KINDS)
    return Overlap(
        n=len(twins),
        same=same,
        other_digits=other_digits,
        near=near,
        of=len(rows),
        share=len(twins) / len(rows) if len(rows) else 0.0,
        row_ids=twins["row_id"].tolist(),
    )


def unseen_rows(predictions: pd.DataFrame, overlap: Overlap) -> pd.DataFrame:
    """Return the rows of a predictions table that :func:`overlap_with_training` did not find."""
    return predictions[~predictions["row_id"].isin(overlap.row_ids)].reset_index(drop=True)


def _within_answer_sets(rows: pd.DataFrame, classes: list[str], probabilities: Numbers) -> pd.DataFrame:
    """Return a predictions table from probabilities over all labels, renormalised over each row's answer set."""
    values = np.full((len(rows), len(FIVE_LABELS)), 1e-12)
    values[:, [FIVE_LABELS.index(label) for label in classes]] += probabilities
    for cell in rows["answers"].unique():
        outside = [label not in split_answers(cell) for label in FIVE_LABELS]
        values[np.ix_((rows["answers"] == cell).to_numpy(), outside)] = np.nan
    scores = np.log(values / np.nansum(values, axis=1, keepdims=True))
    return label_predictions(rows, pd.DataFrame(scores, columns=LOGP_COLUMNS))
