"""The project's story in one run: a neutral text called positive, what fine-tuning made of it, and the verdict."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from finsent.comparison import Verdict, answers_table, verdict
from finsent.judged import judged_pair
from finsent.labels import BULLISH, NEUTRAL, POSITIVE
from finsent.metrics import compare_predictions
from finsent.runs import Run


@dataclass(frozen=True)
class Example:
    """A neutral test text that the baseline calls positive (a market post: bullish), and the tuned model's answer.

    Confidences are probabilities within the answer set. Of the ``called_positive`` such texts the tuned model calls
    ``put_right`` neutral.
    """

    text: str
    baseline: str
    baseline_confidence: float
    tuned: str
    tuned_confidence: float
    called_positive: int
    put_right: int


@dataclass(frozen=True)
class Story:
    """What a run has to tell: its comparison, the verdict on it, and an example if there is one."""

    comparison: dict[str, Any]
    verdict: Verdict
    example: Example | None


def tell_story(run: Run) -> Story:
    """Return a run's story, from the saved predictions of its test rows.

    Raises:
        RunError: the run has no predictions of both models, or they cannot be read.
        EmptyDataError: there are no test rows.
    """
    baseline, tuned = judged_pair(run)
    comparison = compare_predictions(baseline, tuned)
    return Story(comparison, verdict(comparison), _example(answers_table(baseline, tuned, classes=5)))


def _example(answers: pd.DataFrame) -> Example | None:
    """Return the text that the baseline was surest about, of those put right if there are any, news before posts."""
    wrong = answers[(answers["gold"] == NEUTRAL) & answers["baseline"].isin([POSITIVE, BULLISH])]
    if wrong.empty:
        return None
    wrong = wrong.assign(right=wrong["tuned"] == NEUTRAL, news=wrong["baseline"] == POSITIVE)
    row = wrong.sort_values(["right", "news", "baseline confidence"], ascending=False, kind="stable").iloc[0]
    return Example(
        text=row["text"],
        baseline=row["baseline"],
        baseline_confidence=float(row["baseline confidence"]),
        tuned=row["tuned"],
        tuned_confidence=float(row["tuned confidence"]),
        called_positive=len(wrong),
        put_right=int(wrong["right"].sum()),
    )
