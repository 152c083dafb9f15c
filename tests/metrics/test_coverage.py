"""How often each interval holds the truth: 2,000 samples of each size from known populations.

The populations are joint tables of gold label, baseline's and tuned model's answer (negative, neutral, positive,
invalid) in counts of about 10,000, synthetic but much like real runs. “leaning” has a baseline that calls nearly
everything positive, “near” a baseline nearly as good as the tuned model, so that few rows differ. The others are
harder: “certain” has a baseline that hardly ever says anything but positive, “rare label” has few negative rows, and in
“alike” the two models differ on one row of a hundred. Samples go through the functions that reports use, many at once.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from finsent.metrics.averages import AVERAGES, average_with_bounds, confusion_figures, difference_with_bounds
from finsent.metrics.calibration import brier_difference, brier_mean
from finsent.metrics.classification import f1_bounds
from finsent.metrics.statistics import paired_bounds, wilson_bounds

SAMPLES = 2_000
SIZES = (60, 132, 422)
NEUTRAL, POSITIVE, INVALID = 1, 2, 3
#: Rows: gold label and baseline's answer; columns: the tuned model's answer.
POPULATIONS = {
    "leaning": [
        [[960, 67, 37, 0], [34, 20, 2, 0], [1390, 162, 100, 0], [24, 3, 1, 0]],
        [[40, 74, 6, 0], [11, 293, 16, 0], [147, 3117, 256, 0], [2, 36, 2, 0]],
        [[10, 2, 20, 0], [1, 12, 20, 0], [82, 265, 2757, 0], [3, 10, 20, 0]],
    ],
    "near": [
        [[2196, 27, 17, 0], [112, 194, 2, 0], [101, 3, 121, 0], [27, 0, 0, 0]],
        [[155, 83, 3, 0], [22, 3260, 37, 0], [3, 177, 260, 0], [0, 0, 0, 0]],
        [[82, 2, 44, 0], [1, 221, 97, 0], [12, 33, 2691, 0], [0, 0, 16, 0]],
    ],
    "certain": [
        [[103, 6, 3, 0], [0, 0, 0, 0], [2473, 134, 81, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [5, 110, 5, 0], [155, 3570, 155, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0], [32, 128, 3040, 0], [0, 0, 0, 0]],
    ],
    "rare label": [
        [[941, 12, 7, 0], [48, 83, 1, 0], [43, 1, 52, 0], [12, 0, 0, 0]],
        [[232, 124, 4, 0], [34, 4890, 56, 0], [4, 266, 390, 0], [0, 0, 0, 0]],
        [[72, 1, 39, 0], [1, 194, 85, 0], [11, 29, 2354, 0], [0, 0, 14, 0]],
    ],
    "alike": [
        [[2412, 3, 2, 0], [11, 221, 0, 0], [10, 0, 138, 0], [3, 0, 0, 0]],
        [[177, 8, 0, 0], [2, 3494, 4, 0], [0, 18, 296, 0], [0, 0, 0, 0]],
        [[95, 0, 4, 0], [0, 253, 10, 0], [1, 3, 2832, 0], [0, 0, 2, 0]],
    ],
}
#: The least share of intervals that hold the truth.
LEAST = 0.93

Bounds = tuple[np.ndarray, np.ndarray]


def samples(name: str, n: int) -> np.ndarray:
    table = np.array(POPULATIONS[name])
    draws = np.random.default_rng(n).multinomial(n, table.ravel() / table.sum(), size=SAMPLES)
    return draws.reshape(SAMPLES, *table.shape)


def shares_of(table: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray, bool]]:
    """Yield each share of one model's confusion matrices: its name, count, n, and whether it is an F1."""
    hits, support, called = np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table[..., :-1].sum(-2)
    yield "accuracy", hits.sum(-1), table.sum((-2, -1)), False
    yield "neutral as positive", table[..., NEUTRAL, POSITIVE], support[..., NEUTRAL], False
    for place, label in enumerate(("negative", "neutral", "positive")):
        hit = hits[..., place]
        yield f"precision of {label}", hit, called[..., place], False
        yield f"recall of {label}", hit, support[..., place], False
        yield f"f1 of {label}", hit, support[..., place] + called[..., place] - hit, True


def discordant(table: np.ndarray, marked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many rows only the first and only the second model's answer is marked for."""
    first = (table * (marked[..., :, None] & ~marked[..., None, :])).sum((-3, -2, -1))
    second = (table * (~marked[..., :, None] & marked[..., None, :])).sum((-3, -2, -1))
    return first, second


def figures(drawn: np.ndarray, truth: np.ndarray) -> Iterator[tuple[str, float, Bounds]]:
    """Yield each figure that has an interval: its name, its true value, the intervals of the samples that have it."""
    for model, axis in (("baseline", -1), ("tuned", -2)):
        tables, true = drawn.sum(axis), truth.sum(axis)
        for (name, count, n, is_f1), (_, true_count, true_n, _) in zip(shares_of(tables), shares_of(true), strict=True):
            bounds = f1_bounds if is_f1 else wilson_bounds
            share = true_count / true_n
            yield f"{model} {name}", 2 * share / (1 + share) if is_f1 else share, bounds(count[n > 0], n[n > 0])
        for name in AVERAGES:
            yield f"{model} {name}", float(confusion_figures(true)[name]), average_with_bounds(name, tables)[1]
    right = np.eye(3, 4, dtype=bool)
    neutral_called = np.zeros((3, 4), bool)
    neutral_called[NEUTRAL, POSITIVE] = True
    of_neutral = drawn[:, NEUTRAL].sum((-2, -1)), truth[NEUTRAL].sum()
    everything = drawn.sum((-3, -2, -1)), truth.sum()
    for name, marked, (n, true_n) in (
        ("accuracy difference", right, everything),
        ("neutral as positive difference", neutral_called, of_neutral),
    ):
        first, second = discordant(truth, marked)
        yield name, (second - first) / true_n, paired_bounds(*discordant(drawn, marked), n)
    difference = float(difference_with_bounds("macro_f1", truth.astype(float))[0])
    yield "macro_f1 difference", difference, difference_with_bounds("macro_f1", drawn)[1]


def coverage(name: str, n: int) -> dict[str, float]:
    truth = np.array(POPULATIONS[name])
    found = {}
    for figure, value, (low, high) in figures(samples(name, n), truth):
        found[figure] = float(np.mean((low - 1e-9 <= value) & (value <= high + 1e-9)))
    return found


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", POPULATIONS)
def test_every_interval_holds_the_truth_in_93_of_100_samples(name: str, n: int):
    found = coverage(name, n)
    assert len(found) == 2 * (2 + 9 + 4) + 3
    assert {figure: share for figure, share in found.items() if share < LEAST} == {}


@pytest.mark.parametrize("n", SIZES)
def test_brier_scores_hold_the_truth_in_93_of_100_samples(n: int):
    """Right answers are mostly sure ones, wrong answers less so; a row's two scores have its difficulty in common."""
    random = np.random.default_rng(n)
    sure = np.array([0.5, 0.8, 0.95, 0.995])
    # Two other labels share what is left.
    scores = np.array([1.5 * (1 - sure) ** 2, sure**2 + ((1 + sure) / 2) ** 2 + ((1 - sure) / 2) ** 2])
    # How often a model's answer is right (first row) and wrong, by how sure it is.
    before_kinds = np.array([[0.04, 0.08, 0.22, 0.46], [0.06, 0.06, 0.05, 0.03]])
    after_kinds = np.array([[0.04, 0.10, 0.30, 0.44], [0.05, 0.03, 0.03, 0.01]])
    joint = 0.6 * np.outer(before_kinds, after_kinds)
    joint += 0.4 * np.diag(np.sqrt(before_kinds.ravel() * after_kinds.ravel()))
    joint /= joint.sum()
    flat = scores.ravel()
    kinds = random.choice(64, size=(SAMPLES, n), p=joint.ravel())
    before, after = flat[kinds // 8], flat[kinds % 8]
    true = joint.sum(1) @ flat, joint.sum(0) @ flat
    for value, means in (
        (true[0], [brier_mean(one) for one in before]),
        (true[1], [brier_mean(one) for one in after]),
        (true[1] - true[0], [brier_difference(*pair) for pair in zip(before, after, strict=True)]),
    ):
        assert np.mean([mean.ci.low <= value <= mean.ci.high for mean in means]) >= LEAST
