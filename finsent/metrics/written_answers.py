"""Answers that a model wrote, beside those that its label probabilities give.

Scoring asks which label of the answer set is likeliest; generation lets the model write, and
:func:`finsent.labels.parse_answer` reads what it wrote. An answer that is no label is invalid. Some published
evaluators count it as neutral, which flatters exactly the neutral texts; the same figures can be had here to see by how
much.
"""

import numpy as np
import pandas as pd

from finsent.errors import RunStateError
from finsent.labels import INVALID, NEUTRAL

PARSING_RULES = (
    "The first word of the answer must be a label of the row's answer set, whatever its case.",
    "Punctuation and spaces before it, and anything after it, do not matter.",
    "“It is positive”, “positively”, another answer set's label and an empty answer are invalid.",
    "An invalid answer is wrong. It is a class of its own, and never counted as neutral unless you ask for it here.",
)


def has_generated(predictions: pd.DataFrame) -> bool:
    """Whether every row of a predictions table has an answer that the model wrote."""
    return len(predictions) > 0 and bool(predictions["generated_label"].notna().all())


def as_generated(predictions: pd.DataFrame, invalid_as_neutral: bool = False) -> pd.DataFrame:
    """Return the predictions table judged by what the model wrote; ``confidence`` is then unknown (NaN).

    Raises:
        RunStateError: the model did not write an answer for each row.
    """
    if not has_generated(predictions):
        raise RunStateError(
            "There are no generated answers for these rows. Evaluate the run with --generate to let both models write."
        )
    labels = predictions["generated_label"]
    if invalid_as_neutral:
        labels = labels.where(labels != INVALID, NEUTRAL)
    return predictions.assign(predicted=labels, confidence=np.nan)


def disagreements(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose written answer is not the scored one.

    Columns: ``row_id, text, gold, scored, confidence`` (of the scored label), ``written`` (the label read from it or
    “invalid”) and ``answer`` (what the model wrote).
    """
    wrote = predictions["generated_label"].notna()
    rows = predictions[wrote & (predictions["generated_label"] != predictions["predicted"])]
    names = {"label": "gold", "predicted": "scored", "generated_label": "written", "generated": "answer"}
    columns = ["row_id", "text", "gold", "scored", "confidence", "written", "answer"]
    return rows.rename(columns=names)[columns].reset_index(drop=True)
