"""The project's story in one run: a neutral text called positive, what fine-tuning made of it, and the verdict."""

from dataclasses import dataclass

import pandas as pd

from finsent.evaluation.in_proportion import run_verdict
from finsent.labels import BULLISH, NEUTRAL, POSITIVE
from finsent.metrics.classification import compare_predictions
from finsent.metrics.comparison import answers_table
from finsent.metrics.figures import Comparison
from finsent.metrics.verdict import Verdict
from finsent.runs.evaluated_sets import judged_pair
from finsent.runs.store import Run


@dataclass(frozen=True)
class Example:
    """A neutral test text that the baseline calls positive (a market post: bullish), and the tuned model's answer.

    Confidences are probabilities within the answer set. Of the ``called_positive`` such texts the tuned model calls
    ``fixed`` neutral.
    """

    text: str
    baseline: str
    baseline_confidence: float
    tuned: str
    tuned_confidence: float
    called_positive: int
    fixed: int


@dataclass(frozen=True)
class Story:
    """What a run has to tell: its comparison, the verdict on it, and an example if there is one."""

    comparison: Comparison
    verdict: Verdict
    example: Example | None


def tell_story(run: Run) -> Story:
    """Return a run's story, from the saved predictions of its test rows.

    Raises:
        RunError: the run has no predictions of both models, or they cannot be read.
        EmptyDataError: there are no test rows.
        CorrectionsError: what was flagged cannot be read.
    """
    baseline, tuned = judged_pair(run)
    comparison = compare_predictions(baseline, tuned)
    return Story(comparison, run_verdict(run), _example(answers_table(baseline, tuned, classes=5)))


def _example(answers: pd.DataFrame) -> Example | None:
    """Return the text that the baseline was surest about, of those fixed if there are any, news before posts."""
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
        fixed=int(wrong["right"].sum()),
    )
