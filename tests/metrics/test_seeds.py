"""Figures over seeds: by hand where they can be counted, and how often their intervals hold the truth."""

import numpy as np
import pytest

from finsent.errors import RunError
from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.seeds import figures_over_seeds, over_seeds
from tests.predictions import made_pair, made_predictions

LABELS = ["negative", "neutral", "positive"]
SAMPLES = 300
#: The least share of intervals that hold the truth, as for a single run's.
LEAST = 0.93


def figure(found, name, label=None):
    return next(one for one in found if (one.figure, one.label) == (name, label))


def test_a_figures_values_mean_spread_and_difference_are_those_of_each_table():
    baseline, first = made_pair(200)
    second = made_pair(200, gain=0.8)[1]
    found = over_seeds(baseline, [first, second])
    for name in ("accuracy", "macro_f1", "neutral_as_positive"):
        own = figure(found, name)
        values = [getattr(evaluate_predictions(table), name) for table in (first, second)]
        assert own.values == pytest.approx(values)
        assert own.mean == pytest.approx(np.mean(values))
        assert own.spread == pytest.approx(np.std(values, ddof=1))
        assert own.baseline == pytest.approx(getattr(evaluate_predictions(baseline), name))
        assert own.difference.value == pytest.approx(own.mean - own.baseline)
        assert own.ci.low <= own.mean <= own.ci.high
    per_class = evaluate_predictions(first).per_class["negative"]
    assert figure(found, "recall", "negative").values[0] == pytest.approx(per_class.recall)
    assert figure(found, "precision", "negative").values[0] == pytest.approx(per_class.precision)
    assert figure(found, "accuracy").difference.n == 200


def test_the_same_answers_give_the_same_intervals_and_seeds_that_agree_a_narrower_one():
    baseline, tuned = made_pair(200)
    other = made_pair(200, gain=0.3)[1]
    alike, apart = over_seeds(baseline, [tuned, tuned, tuned]), over_seeds(baseline, [tuned, other, tuned])
    assert over_seeds(baseline, [tuned, tuned, tuned]) == alike
    width = [figure(found, "accuracy").ci.high - figure(found, "accuracy").ci.low for found in (alike, apart)]
    assert width[0] < width[1]
    assert figure(alike, "accuracy").spread == 0


def test_what_was_always_right_is_not_certain_and_what_has_no_rows_has_no_figure():
    gold = ["neutral"] * 12 + ["positive"] * 8
    right = made_predictions(gold, gold)
    found = over_seeds(made_predictions(gold, ["positive"] * 20), [right, right])
    assert figure(found, "accuracy").values == [1.0, 1.0]
    assert 0.8 < figure(found, "accuracy").ci.low < 0.99
    assert {one.label for one in found if one.figure == "recall"} == {"neutral", "positive"}
    # The baseline never says neutral, so its precision there is that of nothing.
    assert {one.label for one in found if one.figure == "precision"} == {"positive"}


def test_five_classes_count_bullish_as_positive_where_neutral_is_called_so():
    baseline, tuned = made_pair(300)
    three, five = (over_seeds(baseline, [tuned, tuned], classes) for classes in (3, 5))
    assert figure(five, "neutral_as_positive").values == pytest.approx(figure(three, "neutral_as_positive").values)
    assert figure(five, "recall", "bullish").difference.n > 0


def test_other_rows_and_a_single_seed_are_refused():
    baseline, tuned = made_pair(40)
    with pytest.raises(ValueError, match="two seeds"):
        over_seeds(baseline, [tuned])
    with pytest.raises(RunError, match="same rows"):
        over_seeds(baseline, [tuned, tuned.iloc[::-1]])


def drawn(random: np.random.Generator, n: int, seeds: int, luck: float) -> np.ndarray:
    """Draw ``n`` texts as codes: gold label, an optimistic baseline's answer, and each seed's.

    A text's difficulty is common to all, and a seed shifts its own readiness to give each label by ``luck``.
    """
    gold = random.choice(3, size=n, p=[0.25, 0.5, 0.25])
    hard = random.normal(size=(n, 3))

    def answers(sees: float, noise: float, shift: np.ndarray) -> np.ndarray:
        return (sees * np.eye(3)[gold] + hard + noise * random.normal(size=(n, 3)) + shift).argmax(1)

    own = [answers(2.0, 0.6, np.array([0, 0, 0.2]) + luck * random.normal(size=3)) for _ in range(seeds)]
    return np.stack([gold, answers(0.8, 0.5, np.array([0, 0, 1.5])), *own], axis=1)


@pytest.mark.parametrize(
    ("n", "seeds", "luck", "least"),
    [
        pytest.param(132, 3, 0.0, LEAST, id="rows alone"),
        pytest.param(132, 3, 0.3, LEAST, id="both"),
        # Seeds that move logits by 0.8 spread a small share very unevenly, which the interval takes for normal.
        pytest.param(132, 3, 0.8, 0.86, id="mostly luck"),
        pytest.param(422, 3, 0.3, LEAST, id="more rows", marks=pytest.mark.long),
        pytest.param(132, 5, 0.3, LEAST, id="more seeds", marks=pytest.mark.long),
        pytest.param(132, 2, 0.3, LEAST, id="two seeds", marks=pytest.mark.long),
    ],
)
def test_the_intervals_hold_the_truth_over_rows_and_seeds(n, seeds, luck, least):
    random = np.random.default_rng(n + seeds)
    names = ("accuracy", "macro_f1", "neutral_as_positive")
    everything = figures_over_seeds(LABELS, drawn(random, 2_000, 1_000, luck), draws=2)
    truth = {name: figure(everything, name) for name in names}
    held = dict.fromkeys([f"{name} {what}" for name in names for what in ("mean", "difference")], 0)
    for _ in range(SAMPLES):
        found = figures_over_seeds(LABELS, drawn(random, n, seeds, luck), draws=400)
        for name, true in truth.items():
            own = figure(found, name)
            held[f"{name} mean"] += own.ci.low <= true.mean <= own.ci.high
            held[f"{name} difference"] += own.difference.ci.low <= true.difference.value <= own.difference.ci.high
    shares = {name: count / SAMPLES for name, count in held.items()}
    assert {name: share for name, share in shares.items() if share < least} == {}
