"""Each row's story: what a run answered at every evaluation, so that it is seen when a row was learnt and forgotten.

The validation rows' answers at every evaluation are kept in ``predictions/validation.parquet``, with the step; step 0
is what the run began with (see :mod:`finsent.runs.first_answers`). Forgetting is counted as by Toneva et al. (2019).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finsent.errors import RunError, RunStateError
from finsent.inference.predictions import LOGP_COLUMNS, answer_probabilities, load_steps
from finsent.labels import FIVE_LABELS
from finsent.metrics.classification import class_view
from finsent.metrics.statistics import Numbers
from finsent.runs.first_answers import BASELINE, first_answers
from finsent.runs.store import Run

ALWAYS, LEARNT, UNSTEADY, FORGOTTEN, NEVER = "always right", "learnt", "unsteady", "forgotten", "never learnt"
#: From what is worth looking at to what is not.
STORIES = (FORGOTTEN, NEVER, UNSTEADY, LEARNT, ALWAYS)
STORY_HELP = (
    "What the run began with, the baseline or the run that it continues, counts as the first evaluation. Forgotten: "
    "right at some evaluation, and wrong at the last. Never learnt: wrong at each. Unsteady: right at the last, after "
    "it was lost once. Learnt: wrong at first, then right to the end. Always right: at each."
)
RIGHT, WRONG = "●", "○"


@dataclass(frozen=True)
class Stories:
    """The stories of ``n`` validation rows over the evaluations at ``steps``.

    ``start`` says whose answers step 0 has, the baseline's or the parent's; where it is "", there is no step 0.

    ``rows`` has ``row_id, text, gold, story, strip`` (one mark an evaluation, ● right and ○ wrong), ``said`` (the
    answer at each), ``shares`` (the probability of the right label at each, 0 to 1), ``first right`` (the step, missing
    where never), ``forgotten`` (how often right turned to wrong), ``last answer``, ``topic``, ``source``; what is worth
    looking at comes first. ``counts`` says how many rows have each story.
    """

    steps: tuple[int, ...]
    n: int
    counts: dict[str, int]
    rows: pd.DataFrame
    start: str = BASELINE

    @property
    def evaluations(self) -> int:
        """How often the run was evaluated while it trained; step 0 does not count."""
        return len(self.steps) - bool(self.start)


def run_stories(run: Run, classes: int = 3) -> Stories:
    """Return the stories of a run's validation rows.

    Raises:
        RunStateError: it has not kept them: it was trained by an older version, or has not come to an evaluation.
        RunError: they cannot be read, or are not about the validation rows that the baseline was judged on.
    """
    file = run.predictions_file("validation")
    first = first_answers(run) if file.exists() else None
    if first is None:
        raise RunStateError(
            f"Run {run.id} is {run.state} and has kept no answers from its evaluations: they begin with the first one, "
            "and runs of older versions did not keep them."
        )
    rows, evaluations = first.rows, load_steps(file)
    for step, table in evaluations.groupby("step"):
        if not _same_rows(rows, table):
            raise RunError(
                f"What run {run.id} answered at step {step} is not about the validation rows that its baseline was "
                f"judged on. Delete {file}, and each row's story is left out."
            )
    if first.answers is None:
        return stories(rows, evaluations, classes, start="")
    return stories(first.answers, evaluations, classes, first.whose)


def _same_rows(rows: pd.DataFrame, others: pd.DataFrame) -> bool:
    first, second = (dict(zip(table["row_id"], table["label"], strict=True)) for table in (rows, others))
    return first == second


def stories(first: pd.DataFrame, evaluations: pd.DataFrame, classes: int = 3, start: str = BASELINE) -> Stories:
    """Return the stories of validation rows from the answers at step 0 and those of each evaluation (``step``).

    ``start`` says whose the first ones are; where it is "", they do not count, and only the rows are taken from there.
    """
    first = first.reset_index(drop=True)
    tables = [(0, first)] if start else []
    for step, table in evaluations.groupby("step", sort=True):
        tables.append((int(str(step)), first[["row_id"]].merge(table, on="row_id", how="left")))
    right: Numbers = np.column_stack([_right(table, classes) for _, table in tables])
    shares: Numbers = np.column_stack([_share_of_gold(table) for _, table in tables])
    last = tables[-1][1]
    rows = first[["row_id", "text", "label"]].rename(columns={"label": "gold"})
    rows["story"] = pd.Categorical([_story(one) for one in right], STORIES, ordered=True)
    rows["strip"] = ["".join(RIGHT if one else WRONG for one in row) for row in right]
    rows["said"] = [list(answers) for answers in zip(*(table["predicted"] for _, table in tables), strict=True)]
    rows["shares"] = [row.round(3).tolist() for row in shares]
    steps = [step for step, _ in tables]
    rows["first right"] = [steps[int(row.argmax())] if row.any() else None for row in right]
    rows["forgotten"] = (right[:, :-1] & ~right[:, 1:]).sum(axis=1)
    rows["last answer"] = last["predicted"].to_numpy()
    rows[["topic", "source"]] = first[["topic", "source"]]
    rows["last share"] = shares[:, -1]
    rows = rows.sort_values(["story", "last share"], kind="stable").drop(columns="last share").reset_index(drop=True)
    rows["story"] = rows["story"].astype(str)
    counts = {story: int((rows["story"] == story).sum()) for story in STORIES}
    return Stories(tuple(steps), len(rows), counts, rows, start)


def told(found: Stories, row: pd.Series) -> pd.DataFrame:
    """Return the story of one row of ``found.rows``, one line an evaluation: step, answer, right, probability."""
    return pd.DataFrame(
        {
            "step": found.steps,
            "answer": row["said"],
            "right": [mark == RIGHT for mark in row["strip"]],
            "probability of its label": row["shares"],
        }
    )


def without_lists(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of stories as a CSV file can hold them: without what has one value an evaluation."""
    return rows.drop(columns=["said", "shares"])


def _right(table: pd.DataFrame, classes: int) -> Numbers:
    _, gold, predicted = class_view(table, classes)
    right: Numbers = gold == predicted
    return right


def _share_of_gold(table: pd.DataFrame) -> Numbers:
    shares = answer_probabilities(table[LOGP_COLUMNS])
    gold = table["label"].map(FIVE_LABELS.index).to_numpy()
    found: Numbers = shares[np.arange(len(table)), gold]
    return found


def _story(right: Numbers) -> str:
    if right.all():
        return ALWAYS
    if not right.any():
        return NEVER
    if not right[-1]:
        return FORGOTTEN
    return UNSTEADY if (right[:-1] & ~right[1:]).any() else LEARNT
