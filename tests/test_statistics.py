"""Intervals and tests: against scipy and statsmodels called directly, by hand, and by simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from statsmodels.stats.multitest import multipletests

from finsent.statistics import (
    compare_several,
    mcnemar,
    paired_difference,
    resample_counts,
    rows_to_settle,
    share_interval,
)


def test_wilson_by_hand():
    # 8 of 10: centre (0.8 + z²/20) / (1 + z²/10), z = 1.959964; Wilson 1927.
    assert share_interval(8, 10) == pytest.approx([0.49016, 0.94332], abs=1e-5)
    assert share_interval(0, 0) is None


def test_drawing_counts_is_drawing_rows():
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
    assert mine["value"] == pytest.approx(after.mean() - before.mean())
    # Both ends are quantiles of 4,000 random draws: they agree to the step of the difference, about 1/300.
    assert mine["ci"] == pytest.approx(list(theirs), abs=0.008)


def test_draws_keep_the_number_of_rows_and_the_mean():
    table = np.array([[5, 0, 15], [30, 50, 0]])
    draws = resample_counts(table)
    assert (draws.sum((1, 2)) == 100).all()
    assert draws.mean(0) == pytest.approx(table, abs=0.5)
    assert (draws[:, table == 0] == 0).all()


def test_alike_in_every_row_is_no_certainty():
    same = paired_difference(np.ones(20, bool), np.ones(20, bool))
    assert same["value"] == 0
    assert same["ci"][0] < -0.1 and same["ci"][1] > 0.1
    turned = paired_difference(np.zeros(20, bool), np.ones(20, bool))
    assert turned["value"] == 1
    assert turned["ci"][0] == pytest.approx(share_interval(20, 20)[0])
    assert turned["ci"][1] == 1
    assert paired_difference(np.array([]), np.array([])) == {"value": None, "ci": None, "n": 0}
    one = paired_difference(np.array([False]), np.array([True]))
    assert one["ci"][0] < 0.25


def test_mcnemar_is_a_sign_test_on_the_rows_that_only_one_gets_right():
    before = np.array([1] * 40 + [1] * 5 + [0] * 14 + [0] * 9, bool)
    after = np.array([1] * 40 + [0] * 5 + [1] * 14 + [0] * 9, bool)
    test = mcnemar(before, after)
    assert (test["b"], test["c"]) == (5, 14)
    assert test["p"] == pytest.approx(binomtest(5, 19).pvalue)


@pytest.mark.parametrize(("n", "right", "one_only"), [(200, 0.55, 0.25), (600, 0.6, 0.3), (60, 0.3, 0.4)])
def test_intervals_cover_and_equal_models_are_called_equal(n, right, one_only):
    """1,000 pairs: 93 to 97 % of the intervals hold the truth; where there is no difference 5 % are called one."""
    rng = np.random.default_rng(n)
    shares = np.array([right, one_only * 0.3, one_only * 0.7, 1 - right - one_only])  # both, first, second, neither
    truth = shares[2] - shares[1]
    covered = 0
    for seed in range(1_000):
        kinds = rng.choice(4, n, p=shares)
        low, high = paired_difference(np.isin(kinds, (0, 1)), np.isin(kinds, (0, 2)), seed=seed)["ci"]
        covered += low - 1e-12 <= truth <= high + 1e-12
    assert 930 <= covered <= 970
    equal = [right, one_only / 2, one_only / 2, 1 - right - one_only]
    draws = rng.choice(4, (1_000, n), p=equal)
    called = [mcnemar(np.isin(kinds, (0, 1)), np.isin(kinds, (0, 2)))["p"] < 0.05 for kinds in draws]
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
    assert result["q"] == pytest.approx(q)
    assert result["n"] == 12
    assert [(pair["first"], pair["second"]) for pair in result["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [binomtest(0, 4).pvalue, binomtest(0, 6).pvalue, binomtest(0, 2).pvalue]
    assert [pair["p"] for pair in result["pairs"]] == pytest.approx(raw)
    assert [pair["p_holm"] for pair in result["pairs"]] == pytest.approx(multipletests(raw, method="holm")[1])


def test_several_equal_models():
    same = np.array([1, 0, 1, 1], bool)
    result = compare_several({"a": same, "b": same, "c": same})
    assert (result["q"], result["p"]) == (0.0, 1.0)
    with pytest.raises(ValueError, match="two models"):
        compare_several({"a": same})
