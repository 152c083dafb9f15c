"""Intervals and tests: against scipy and statsmodels called directly, by hand, and by simulation."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from statsmodels.stats.multitest import multipletests

import finsent
from finsent.metrics.figures import Difference
from finsent.metrics.statistics import (
    compare_several,
    mcnemar,
    paired_bounds,
    paired_difference,
    rows_to_settle,
    share_interval,
    show_p,
    wilson_bounds,
)


def test_wilson_by_hand():
    # 8 of 10: centre (0.8 + z²/20) / (1 + z²/10), z = 1.959964; Wilson 1927.
    assert share_interval(8, 10) == pytest.approx([0.49016, 0.94332], abs=1e-5)
    assert share_interval(0, 0) is None


@pytest.mark.parametrize("n", [1, 7, 12, 60, 422, 1_000, 44_209])
def test_none_and_all_have_an_exact_end(n):
    """Rounding used to print 3.4e-18, -6.9e-18 or 0.9999999999999999."""
    none, every = share_interval(0, n), share_interval(n, n)
    assert str(none.low) == "0.0" and str(every.high) == "1.0"
    assert none.high == pytest.approx(1 - every.low)
    counts = np.arange(n + 1) if n < 1_000 else np.array([0, 1, n - 1, n])
    low, high = wilson_bounds(counts, n)
    assert (low >= 0).all() and (high <= 1).all()
    assert (low[1:] > 1e-6).all() and (high[:-1] < 1 - 1e-6).all()


def test_wilson_is_called_in_one_place():
    """Another call would bring the rounding noise back."""
    calling = [
        file for file in Path(finsent.__file__).parent.rglob("*.py") if "proportion_confint(" in file.read_text()
    ]
    assert [file.name for file in calling] == ["statistics.py"]


def test_a_paired_difference_by_hand():
    # Tango's interval holds the differences that the score test does not reject: at both ends its z is 1.959964.
    low, high = paired_bounds(3, 9, 60)
    for difference in (low, high):
        middle = (120 - 9 + 3) * difference - 12
        least = (np.sqrt(middle**2 + 8 * 60 * 3 * difference * (1 - difference)) - middle) / 240
        spread = np.sqrt(60 * (2 * least + difference * (1 - difference)))
        assert abs(9 - 3 - 60 * difference) / spread == pytest.approx(1.959964, abs=1e-5)
    assert low < 6 / 60 < high
    assert paired_bounds(9, 3, 60) == pytest.approx((-high, -low))
    lows, highs = paired_bounds(np.array([3, 9, 0]), np.array([9, 3, 0]), 60)
    assert lows[:2] == pytest.approx(np.array([low, -high])) and highs[:2] == pytest.approx(np.array([high, -low]))


def test_a_paired_difference_is_near_the_bootstraps():
    rng = np.random.default_rng(1)
    before, after = rng.random(300) < 0.6, rng.random(300) < 0.7
    mine = paired_difference(before, after)
    theirs = bootstrap(
        (before.astype(float), after.astype(float)),
        lambda one, two, axis=-1: two.mean(axis=axis) - one.mean(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=4_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert mine.value == pytest.approx(after.mean() - before.mean())
    # The bootstrap's ends are quantiles of 4,000 random draws: they agree to the step of the difference, about 1/300.
    assert mine.ci == pytest.approx(list(theirs), abs=0.008)


def test_alike_in_every_row_is_no_certainty():
    same = paired_difference(np.ones(20, bool), np.ones(20, bool))
    assert same.value == 0
    assert same.ci.low < -0.1 and same.ci.high > 0.1
    # Without a row that differs the score test leaves Wilson's bound on the share of rows that nobody saw.
    assert same.ci == pytest.approx([-share_interval(0, 20).high, share_interval(0, 20).high])
    turned = paired_difference(np.zeros(20, bool), np.ones(20, bool))
    assert turned.value == 1
    # The rows not seen could count for the first alone: (n - z²) / (n + z²) by hand.
    assert turned.ci == pytest.approx([(20 - 1.959964**2) / (20 + 1.959964**2), 1])
    assert turned.ci.low <= share_interval(20, 20).low
    assert paired_difference(np.array([]), np.array([])) == Difference(None, None, 0)
    one = paired_difference(np.array([False]), np.array([True]))
    assert one.ci.low < 0.25


def test_a_p_value_is_text():
    assert [show_p(p) for p in (0.0, 0.00009, 0.0009, 0.001, 0.0126, 1.0)] == [
        "p < 0.0001",
        "p < 0.0001",
        "p = 0.0009",
        "p = 0.001",
        "p = 0.013",
        "p = 1.000",
    ]


def test_mcnemar_is_a_sign_test_on_the_rows_that_only_one_gets_right():
    before = np.array([1] * 40 + [1] * 5 + [0] * 14 + [0] * 9, bool)
    after = np.array([1] * 40 + [0] * 5 + [1] * 14 + [0] * 9, bool)
    test = mcnemar(before, after)
    assert (test.b, test.c) == (5, 14)
    assert test.p == pytest.approx(binomtest(5, 19).pvalue)


@pytest.mark.parametrize(("n", "right", "one_only"), [(200, 0.55, 0.25), (600, 0.6, 0.3), (60, 0.3, 0.4)])
def test_intervals_cover_and_equal_models_are_called_equal(n, right, one_only):
    """1,000 pairs: 93 to 97 % of the intervals hold the truth; where there is no difference 5 % are called one."""
    rng = np.random.default_rng(n)
    shares = np.array([right, one_only * 0.3, one_only * 0.7, 1 - right - one_only])  # both, first, second, neither
    truth = shares[2] - shares[1]
    covered = 0
    for _ in range(1_000):
        kinds = rng.choice(4, n, p=shares)
        low, high = paired_difference(np.isin(kinds, (0, 1)), np.isin(kinds, (0, 2))).ci
        covered += low - 1e-12 <= truth <= high + 1e-12
    assert 930 <= covered <= 970
    equal = [right, one_only / 2, one_only / 2, 1 - right - one_only]
    draws = rng.choice(4, (1_000, n), p=equal)
    called = [mcnemar(np.isin(kinds, (0, 1)), np.isin(kinds, (0, 2))).p < 0.05 for kinds in draws]
    assert np.mean(called) <= 0.05


def test_rows_to_settle_gives_the_power_it_promises():
    n = rows_to_settle(20, 35, 200)
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(400):
        b, c, _ = rng.multinomial(n, [0.1, 0.175, 0.725])
        found += binomtest(int(b), int(b + c)).pvalue < 0.05
    # The formula is for the test without continuity correction; the exact test needs a few rows more.
    assert 0.72 <= found / 400 <= 0.86
    assert rows_to_settle(5, 5, 100) is None
    assert rows_to_settle(0, 0, 0) is None


def test_several_models_cochran_by_hand_and_holm():
    right = {
        "a": np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0], bool),
        "b": np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1], bool),
        "c": np.array([1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1], bool),
    }
    result = compare_several(right)
    columns, rows = [sum(one) for one in right.values()], sum(one.astype(int) for one in right.values())
    q = 2 * (3 * sum(c**2 for c in columns) - sum(columns) ** 2) / (3 * rows.sum() - (rows**2).sum())
    assert result.q == pytest.approx(q)
    assert result.n == 12
    assert [(pair.first, pair.second) for pair in result.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [binomtest(0, 4).pvalue, binomtest(0, 6).pvalue, binomtest(0, 2).pvalue]
    assert [pair.p for pair in result.pairs] == pytest.approx(raw)
    assert [pair.p_holm for pair in result.pairs] == pytest.approx(multipletests(raw, method="holm")[1])


def test_several_equal_models():
    same = np.array([1, 0, 1, 1], bool)
    result = compare_several({"a": same, "b": same, "c": same})
    assert (result.q, result.p) == (0.0, 1.0)
    with pytest.raises(ValueError, match="two models"):
        compare_several({"a": same})
