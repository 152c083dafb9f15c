"""Figures over runs that differ in their seed alone: mean, spread, and an interval over rows and seeds together.

The interval is that of a bootstrap on two levels. Rows are drawn anew, the same ones for every seed and for the
baseline, since all of them answered the same rows; seeds are drawn from a normal distribution that was seen as often as
there are seeds. It assumes that the rows are independent draws of one population, that the seeds are, too, and that
what a seed adds to a figure is about normal.

- Rows: Rubin's Bayesian bootstrap (1981), which weighs rows instead of counting them. One row more of each gold label,
  spread over all pairs of answers (baseline's, seeds'), keeps a class that was always right from being certain.
- Seeds: drawing three seeds from three, as an ordinary bootstrap of both levels does, gives no interval wider than from
  the worst seed to the best, which holds the true mean in 75 of 100 cases where luck is all there is. So each draw adds
  Student's t with one degree of freedom less than there are seeds, times the standard error of the mean over seeds.

The differences between seeds hold some luck of the rows, too, which is so counted twice: the intervals are rather too
wide than too narrow, with two seeds much too wide. In simulations of 300 groups of three seeds on 132 rows they held
the truth in 93 to 99 of 100; only a share of about a tenth that the seeds spread by more than its own size, which is
not normal at all, was held in 88 (tests/metrics/test_seeds.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError, RunError
from finsent.labels import INVALID, NEUTRAL, POSITIVE, TO_THREE
from finsent.metrics.averages import confusion_figures
from finsent.metrics.classification import class_view
from finsent.metrics.figures import Difference, Interval
from finsent.metrics.statistics import CONFIDENCE, Numbers

#: Draws of rows and seeds; their quantiles then vary by about a tenth of a point of a share's interval.
DRAWS = 4_000
#: The draws are the same each time.
_SEED = 0


@dataclass(frozen=True)
class SeedFigure:
    """One figure over seeds: ``values`` of each, in their order, their ``mean`` and its 95 % interval ``ci``.

    ``spread`` is the standard deviation between seeds, ``difference`` the mean less the ``baseline``; n counts rows.
    ``figure`` is accuracy, macro_f1, neutral_as_positive, or recall or precision of a ``label``.
    """

    figure: str
    label: str | None
    values: list[float]
    baseline: float
    mean: float
    spread: float
    ci: Interval
    difference: Difference


def over_seeds(baseline: pd.DataFrame, tuned: Sequence[pd.DataFrame], classes: int = 3) -> list[SeedFigure]:
    """Return each figure over seeds, from the predictions tables of the baseline and of each seed's tuned model.

    A figure is left out where the baseline or a seed has none, such as the precision of a label that it never gives.

    Raises:
        ValueError: there are fewer than two seeds.
        RunError: the tables are not about the same rows in the same order.
        EmptyDataError: they have no rows.
    """
    if len(tuned) < 2:
        raise ValueError("a group needs two seeds or more")
    if baseline.empty:
        raise EmptyDataError("There are no rows to judge. Choose a data set with labelled rows.")
    if any(table["row_id"].tolist() != baseline["row_id"].tolist() for table in tuned):
        raise RunError("These runs were not judged on the same rows in the same order. Evaluate them again.")
    labels, answers = _coded([baseline, *tuned], classes)
    return figures_over_seeds(labels, answers)


def figures_over_seeds(labels: list[str], answers: Numbers, draws: int = DRAWS) -> list[SeedFigure]:
    """Return what :func:`over_seeds` does from codes: one row a text, with the places of the gold label, the baseline's
    answer and each seed's in ``labels``; one more than the last place stands for an invalid answer.
    """
    from scipy.stats import t as student

    random = np.random.default_rng(_SEED)
    kinds, seeds = len(labels), answers.shape[1] - 2
    patterns, counts = np.unique(answers, axis=0, return_counts=True)
    observed = _figures(labels, patterns, counts[None, :].astype(float))
    more = np.array([[gold, before, *[after] * seeds] for gold, before, after in _pairs(answers, kinds)])
    weights = np.concatenate([counts, np.full(len(more), 1 / kinds**2)])
    drawn = _figures(labels, np.vstack([patterns, more]), random.gamma(weights, size=(draws, len(weights))))
    luck = student.ppf((random.permutation(draws) + 0.5) / draws, seeds - 1) / np.sqrt(seeds)
    return [
        _over(key, value[:, 0], drawn[key], luck, _rows(labels, answers, key))
        for key, value in observed.items()
        if np.isfinite(value).all()
    ]


Key = tuple[str, str | None]


def _over(key: Key, observed: Numbers, drawn: Numbers, luck: Numbers, n: int) -> SeedFigure:
    baseline, values = observed[0], observed[1:]
    spread = float(values.std(ddof=1))
    means = drawn[1:].mean(0) + spread * luck
    mean = float(values.mean())
    difference = mean - float(baseline)
    return SeedFigure(
        figure=key[0],
        label=key[1],
        values=values.tolist(),
        baseline=float(baseline),
        mean=mean,
        spread=spread,
        ci=_interval(np.clip(means, 0.0, 1.0)),
        difference=Difference(difference, _interval(np.clip(means - drawn[0], -1.0, 1.0)), n),
    )


def _interval(draws: Numbers) -> Interval:
    low, high = np.nanquantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def _figures(labels: list[str], patterns: Numbers, weights: Numbers) -> Mapping[Key, Numbers]:
    """Return each figure of each model (first axis) under each weighing of the patterns (second axis)."""
    table = _tables(len(labels), patterns, weights)
    hits, support, called = np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table[..., :-1].sum(-2)
    figures: dict[Key, Numbers] = {
        ("accuracy", None): hits.sum(-1) / table.sum((-2, -1)),
        ("macro_f1", None): confusion_figures(table)["macro_f1"],
    }
    neutral = labels.index(NEUTRAL)
    positive = [place for place, label in enumerate(labels) if TO_THREE[label] == POSITIVE]
    figures["neutral_as_positive", None] = _ratio(table[..., neutral, positive].sum(-1), support[..., neutral])
    for place, label in enumerate(labels):
        figures["recall", label] = _ratio(hits[..., place], support[..., place])
        figures["precision", label] = _ratio(hits[..., place], called[..., place])
    return figures


def _tables(kinds: int, patterns: Numbers, weights: Numbers) -> Numbers:
    """Return the confusion matrices of shape (models, weighings, K, K + 1)."""
    tables = []
    for answers in patterns.T[1:]:
        cells = np.zeros((len(patterns), kinds * (kinds + 1)))
        cells[np.arange(len(patterns)), patterns[:, 0] * (kinds + 1) + answers] = 1.0
        tables.append((weights @ cells).reshape(-1, kinds, kinds + 1))
    return np.stack(tables)


def _rows(labels: list[str], answers: Numbers, key: Key) -> int:
    """Return over how many rows a figure is; a precision is over those that any of the models gives the label."""
    name, label = key
    if name == "precision":
        return int(np.sum((answers[:, 1:] == labels.index(str(label))).any(axis=1)))
    if name in ("recall", "neutral_as_positive"):
        return int(np.sum(answers[:, 0] == labels.index(label or NEUTRAL)))
    return len(answers)


def _pairs(answers: Numbers, kinds: int) -> list[tuple[int, int, int]]:
    occurring = np.unique(answers[:, 0]).tolist()
    return [(gold, before, after) for gold in occurring for before in range(kinds) for after in range(kinds)]


def _coded(tables: Sequence[pd.DataFrame], classes: int) -> tuple[list[str], Numbers]:
    labels, gold, _ = class_view(tables[0], classes)
    columns = pd.Index([*labels, INVALID])
    return labels, np.stack([columns.get_indexer(pd.Index(one)) for one in (gold, *_answers(tables, classes))], axis=1)


def _answers(tables: Sequence[pd.DataFrame], classes: int) -> list[Numbers]:
    return [class_view(table, classes)[2] for table in tables]


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    """Return a quotient, missing where there is nothing to divide by."""
    quotient = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
