"""A repair set: training and validation texts like the ones that a model gets wrong, to check or to train on.

Test texts never go in, not even as a copy with another row id: a model that has seen them cannot be judged on them.
"""

from collections.abc import Collection

import pandas as pd

from finsent.data.corrections import Corrections, apply_corrections
from finsent.data.neighbours import Neighbours
from finsent.errors import EmptyDataError
from finsent.inference.predictions import load_predictions
from finsent.labels import BEARISH, BULLISH, NEUTRAL, split_answers
from finsent.runs.rows import training_rows
from finsent.runs.store import Run

#: A repair set is made for at most so many errors.
MOST_ERRORS = 500
CHOSEN_BY_TEST = (
    "These rows are like test texts. A run that is trained on them is no longer judged fairly by the test split: to "
    "train, take the errors of the validation split."
)


def repair_pool(run: Run, with_validation: bool = False, corrections: Corrections | None = None) -> pd.DataFrame:
    """Return the rows that a repair set may draw on: ``row_id, text, label, answers, split``, none with a test text.

    Labels are corrected, and rows left out, as ``corrections`` say.

    Raises:
        RunError: the run's rows cannot be read.
    """
    judged = load_predictions(run.predictions_file("baseline"))
    parts = [training_rows(run).assign(split="train")]
    if with_validation:
        parts.append(judged[judged["split"] == "validation"])
    pool = pd.concat(parts, ignore_index=True)[["row_id", "text", "label", "answers", "split"]]
    pool = apply_corrections(pool, corrections or {})
    test_texts = set(_plain(judged.loc[judged["split"] == "test", "text"]))
    return pool[~_plain(pool["text"]).isin(test_texts)].reset_index(drop=True)


def repair_set(
    errors: pd.DataFrame,
    pool: pd.DataFrame,
    per_error: int = 5,
    labels: tuple[str, ...] | None = (NEUTRAL,),
    corrected: Collection[str] = (),
) -> pd.DataFrame:
    """Return the pool's rows most like the errors, each once, with the columns that a data source needs.

    ``labels`` limits the rows to these labels; None takes all, so that the set does not teach neutral alone.
    ``corrected`` names rows of the pool that go in whatever they are like, since their label was corrected.
    Columns: ``text, label, family`` (news or post), ``row_id, split, similarity`` (to the nearest error; 0 where a
    corrected row is like none), ``dataset`` (why it is in), the most similar first.

    Raises:
        EmptyDataError: no row of the pool is like any of the errors.
    """
    index = Neighbours(pool)
    found = [index.of(text, per_error, labels) for text in errors["text"]]
    found.append(pool[pool["row_id"].isin(list(corrected))].assign(similarity=0.0))
    rows = pd.concat(found, ignore_index=True)
    if rows.empty:
        raise EmptyDataError("No training text shares a word with these texts, so there is no repair set.")
    rows = rows.sort_values("similarity", ascending=False, kind="stable").drop_duplicates("row_id")
    # A data file with text and label alone would give a neutral post the prompt of news.
    rows["family"] = rows["answers"].map(_family)
    rows["dataset"] = "like an error"
    rows.loc[rows["row_id"].isin(list(corrected)), "dataset"] = "corrected"
    columns = ["text", "label", "family", "row_id", "split", "similarity", "dataset"]
    return rows[columns].reset_index(drop=True)


def _family(answers: str) -> str:
    return "post" if {BEARISH, BULLISH} & set(split_answers(answers)) else "news"


def _plain(texts: pd.Series) -> pd.Series:
    return texts.str.split().str.join(" ").str.casefold()
