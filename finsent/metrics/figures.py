"""The figures that this lab reports, as values with names; :mod:`finsent.metrics.figures_json` has their JSON.

A field has the name of its key in ``evaluate --json`` and in a run's evaluation.json. A figure named ``x`` has its
95 % interval beside it as ``x_ci``. None stands for what does not exist: a share of no rows, an interval over none.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pydantic import ConfigDict


class Interval(NamedTuple):
    """The 95 % interval of a figure."""

    low: float
    high: float


class _Known:
    """A value whose JSON has its fields as keys, and no others."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class _OverRows(_Known):
    value: float | None
    ci: Interval | None
    n: int

    @property
    def settled(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.ci is not None and (self.ci.low > 0 or self.ci.high < 0)


@dataclass(frozen=True)
class Difference(_OverRows):
    """A difference of two figures on the same ``n`` rows; value and interval are None without rows."""


@dataclass(frozen=True)
class Mean(_OverRows):
    """A mean over ``n`` rows; its interval is None where there is no spread to estimate it from."""


@dataclass(frozen=True)
class McNemar(_Known):
    """McNemar's exact test: ``b`` rows only the first model gets right, ``c`` rows only the second."""

    b: int
    c: int
    p: float


@dataclass(frozen=True)
class ClassFigures(_Known):
    """One label's figures: precision is over the rows ``called`` so, recall over ``support``, F1 over ``concerned``.

    ``support`` rows have it as gold label, ``called`` as answer, ``concerned`` as either. A figure over none is None.
    """

    precision: float | None
    precision_ci: Interval | None
    recall: float | None
    recall_ci: Interval | None
    f1: float | None
    f1_ci: Interval | None
    support: int
    called: int
    concerned: int

    def of(self, figure: str) -> tuple[float | None, Interval | None, int]:
        """Return ``precision``, ``recall`` or ``f1`` with its interval and the number of rows that it is over."""
        return {
            "precision": (self.precision, self.precision_ci, self.called),
            "recall": (self.recall, self.recall_ci, self.support),
            "f1": (self.f1, self.f1_ci, self.concerned),
        }[figure]


@dataclass(frozen=True)
class Figures(_Known):
    """Every figure of one model on ``n`` rows; see :func:`finsent.metrics.classification.evaluate_predictions`."""

    n: int
    labels: list[str]
    accuracy: float
    accuracy_ci: Interval
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_f1: float
    balanced_accuracy: float
    kappa: float
    macro_f1_ci: Interval
    weighted_f1_ci: Interval
    balanced_accuracy_ci: Interval
    kappa_ci: Interval
    per_class: dict[str, ClassFigures]
    neutral_as_positive: float | None
    neutral_as_positive_ci: Interval | None
    neutral_as_positive_count: int
    neutral_n: int
    invalid: int
    confusion: list[list[int]]
    confusion_invalid: list[int]

    def of(self, figure: str) -> tuple[float, Interval]:
        """Return ``accuracy`` or one of the averages with its interval."""
        return {
            "accuracy": (self.accuracy, self.accuracy_ci),
            "macro_f1": (self.macro_f1, self.macro_f1_ci),
            "weighted_f1": (self.weighted_f1, self.weighted_f1_ci),
            "balanced_accuracy": (self.balanced_accuracy, self.balanced_accuracy_ci),
            "kappa": (self.kappa, self.kappa_ci),
        }[figure]


@dataclass(frozen=True)
class Comparison(_Known):
    """Two models on the same ``n`` rows; see :func:`finsent.metrics.classification.compare_predictions`."""

    n: int
    labels: list[str]
    baseline: Figures
    tuned: Figures
    accuracy_difference: Difference
    neutral_as_positive_difference: Difference
    macro_f1_difference: Difference
    mcnemar: McNemar

    @property
    def models(self) -> dict[str, Figures]:
        """Both models' figures by name, the baseline's first."""
        return {"baseline": self.baseline, "tuned": self.tuned}


@dataclass(frozen=True)
class Pieces(_Known):
    """The way of one figure from the baseline over the corrected baseline (``prior``) to the tuned model (``beyond``).

    ``baseline`` is the figure at the start; None where no row has it.
    """

    baseline: float | None
    prior: Difference
    beyond: Difference
    total: Difference


@dataclass(frozen=True)
class PriorPieces(_Known):
    """The pieces of the two figures that a prior moves."""

    accuracy: Pieces
    neutral_as_positive: Pieces


@dataclass(frozen=True)
class CorrectedFigures(Figures):
    """The figures of a model whose prior is corrected, by label offsets in nats and a temperature."""

    offsets: dict[str, float]
    temperature: float


@dataclass(frozen=True)
class PriorAccount(_Known):
    """What is left of two models' difference once each one's prior is corrected on ``validation_n`` rows."""

    baseline: CorrectedFigures
    tuned: CorrectedFigures
    pieces: PriorPieces
    validation_n: int

    @property
    def models(self) -> dict[str, CorrectedFigures]:
        """Both corrected models' figures by name, the baseline's first."""
        return {"baseline": self.baseline, "tuned": self.tuned}


@dataclass(frozen=True)
class Sureness(_Known):
    """How well a model's confidence fits: Brier score (0 to 2, lower is better) and expected calibration error."""

    brier: Mean
    expected_calibration_error: float


@dataclass(frozen=True)
class CalibrationFigures(_Known):
    """The sureness of two models, and the difference of their Brier scores, tuned minus baseline."""

    baseline: Sureness
    tuned: Sureness
    brier_difference: Mean


@dataclass(frozen=True)
class ReferenceFigures(Figures):
    """A reference's figures and the tuned model's lead in accuracy; in ``mcnemar`` the reference is first."""

    tuned_lead: Difference
    mcnemar: McNemar


@dataclass(frozen=True)
class Overlap(_Known):
    """The ``n`` rows ``of`` so many whose text was also trained on, and their ids; see :mod:`finsent.data.twins`.

    ``same``, ``other_digits`` and ``near`` say how many have which kind of twin.
    """

    n: int
    of: int
    share: float
    row_ids: list[str]
    same: int
    other_digits: int
    near: int


@dataclass(frozen=True)
class ModelPair(_Known):
    """Two of several models on the same rows: ``difference`` in accuracy, second minus first, and McNemar's test.

    ``b`` rows only the first gets right, ``c`` only the second; ``p_holm`` is corrected for the number of pairs.
    ``better`` and ``worse`` name the figures besides accuracy in which the second is so beyond their intervals; both
    are empty where it was not looked at.
    """

    first: str
    second: str
    b: int
    c: int
    p: float
    p_holm: float
    difference: Difference
    better: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeveralTest(_Known):
    """Cochran's Q test of several models on ``n`` rows, and the test of each pair."""

    n: int
    q: float
    p: float
    pairs: list[ModelPair]


@dataclass(frozen=True)
class SeveralModels(SeveralTest):
    """The tests with each model's figures."""

    models: dict[str, Figures]
