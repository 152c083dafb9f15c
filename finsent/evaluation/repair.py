"""A repair set: training and validation texts like the ones that a model gets wrong, to check or to train on.

Or like those that fail a rule (see :mod:`finsent.evaluation.behaviour`): then texts that the rule applies to, each
beside its edit by the rule under the label that the rule foresees, which is called synthetic.

Test texts never go in, not even as a copy with another row id: a model that has seen them cannot be judged on them.
"""

from collections.abc import Collection

import pandas as pd

from finsent.data.corrections import Corrections, apply_corrections
from finsent.data.neighbours import Neighbours
from finsent.errors import EmptyDataError
from finsent.evaluation.behaviour import failures
from finsent.evaluation.edits import CHANGE, Rule
from finsent.inference.predictions import load_predictions
from finsent.labels import BEARISH, BULLISH, NEUTRAL, split_answers
from finsent.runs.store import Run
from finsent.runs.taught import known_rows

#: A repair set is made for at most so many errors.
MOST_ERRORS = 500
#: How a repair set names the rows in it that no data set holds: texts edited by a rule.
SYNTHETIC = "synthetic"
CHOSEN_BY_TEST = (
    "What test texts choose is like them. A run that is trained on it is no longer judged fairly by the test split: to "
    "train, take the errors of the validation split."
)


def repair_pool(run: Run, with_validation: bool = False, corrections: Corrections | None = None) -> pd.DataFrame:
    """Return the rows that a repair set may draw on: ``row_id, text, label, answers, split``, none with a test text.

    Labels are corrected, and rows left out, as ``corrections`` say.

    Raises:
        RunError: the run's rows cannot be read.
    """
    judged = load_predictions(run.predictions_file("baseline"))
    # A run that continues another one trains few rows itself, and its adapter has learnt its parent's, too.
    parts = [known_rows(run)[0].assign(split="train")]
    if with_validation:
        parts.append(judged[judged["split"] == "validation"])
    pool = pd.concat(parts, ignore_index=True)[["row_id", "text", "label", "answers", "split"]]
    pool = pool.drop_duplicates("row_id")
    pool = apply_corrections(pool, corrections or {})
    return pool[~_plain(pool["text"]).isin(_test_texts(judged))].reset_index(drop=True)


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


def run_rule_repair_set(
    run: Run, outcomes: pd.DataFrame, rule: Rule, pool: pd.DataFrame, per_error: int = 5
) -> pd.DataFrame:
    """Return what :func:`rule_repair_set` does of a run's pool, without edits that are one of its test texts."""
    rows = rule_repair_set(outcomes, rule, pool, per_error)
    seen = _plain(rows["text"]).isin(_test_texts(load_predictions(run.predictions_file("baseline"))))
    return rows[~seen].reset_index(drop=True)


def rule_repair_set(outcomes: pd.DataFrame, rule: Rule, pool: pd.DataFrame, per_error: int = 5) -> pd.DataFrame:
    """Return a repair set from a rule that the fine-tuned model fails, with the columns of :func:`repair_set`.

    ``outcomes`` are those of :func:`finsent.evaluation.behaviour.behave`. For each text that fails go in the rows of
    the pool that are most like it among those that the rule applies to, and after each its edit by the rule, of the
    label that the rule foresees and with ``dataset`` “synthetic: RULE”.

    Raises:
        EmptyDataError: the model does not fail the rule, the rule foresees no label, or applies to no row of the pool
            that is like one of the failures.
    """
    if rule.expects == CHANGE:
        raise EmptyDataError(
            f"The rule “{rule.name}” says that the label changes, and not to which, so that nothing can be trained on "
            "its edits. Choose another rule."
        )
    failed = failures(outcomes, rule.name)
    failed = failed[failed["tuned failed"].astype(bool)]
    if failed.empty:
        raise EmptyDataError(f"The fine-tuned model fails the rule “{rule.name}” on none of these texts.")
    edited, label = pool["text"].map(rule.apply), pool["label"].map(rule.expected)
    # What is a text of the pool already has a label of its own.
    fits = edited.notna() & label.notna() & ~edited.isin(pool["text"])
    if not fits.any():
        raise EmptyDataError(f"The rule “{rule.name}” applies to no training text. Choose another rule.")
    rows = repair_set(failed.head(MOST_ERRORS), pool[fits].reset_index(drop=True), per_error, labels=None)
    places = pd.Index(pool["row_id"]).get_indexer(pd.Index(rows["row_id"]))
    made = rows.assign(
        text=edited.to_numpy()[places],
        label=label.to_numpy()[places],
        row_id=rows["row_id"] + f", {rule.name}",
        dataset=f"{SYNTHETIC}: {rule.name}",
    )
    # Each edit stands after the text that it is of.
    return pd.concat([rows.assign(dataset="like a failure"), made]).sort_index(kind="stable").reset_index(drop=True)


def _family(answers: str) -> str:
    return "post" if {BEARISH, BULLISH} & set(split_answers(answers)) else "news"


def _test_texts(judged: pd.DataFrame) -> set[str]:
    return set(_plain(judged.loc[judged["split"] == "test", "text"]))


def _plain(texts: pd.Series) -> pd.Series:
    return texts.str.split().str.join(" ").str.casefold()
