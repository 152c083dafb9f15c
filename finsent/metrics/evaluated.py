"""A comparison of two models with everything that puts it into proportion, and the verdict, as values for JSON."""

from dataclasses import dataclass

from finsent.metrics.figures import CalibrationFigures, Comparison, Figures, Overlap, PriorAccount, ReferenceFigures
from finsent.metrics.verdict import Verdict


@dataclass(frozen=True)
class Evaluation(Comparison):
    """A comparison with what puts it into proportion; see :mod:`finsent.evaluation.in_proportion`.

    What cannot be known is None: without validation rows, probabilities or training rows. ``unknown_training`` says
    which runs' rows are not known although the tuned adapter has learnt them, a clause each.
    """

    prior_corrected: PriorAccount | None
    calibration: CalibrationFigures | None
    reference: dict[str, ReferenceFigures] | None
    overlap_with_training: Overlap | None
    unknown_training: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True)
class ScoredFigures:
    """Both models' figures by label scoring, beside those of their written answers."""

    baseline: Figures
    tuned: Figures


@dataclass(frozen=True)
class Disagreements:
    """On how many rows each model writes another answer than scoring gives."""

    baseline: int
    tuned: int


@dataclass(frozen=True)
class WrittenEvaluation(Evaluation):
    """An evaluation of written answers; what puts it into proportion stays that of label scoring."""

    generated: bool
    scored: ScoredFigures
    disagreements: Disagreements
