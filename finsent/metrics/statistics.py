"""Intervals and tests for shares and for paired differences; scipy and statsmodels do the work where they can.

All intervals are 95 % intervals, none draws random numbers, and every figure depends on the rows only through counts,
so that 44,000 rows take no longer than 100. tests/metrics/test_coverage.py says how often they hold the truth.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from finsent.metrics.figures import Difference, Interval, McNemar, ModelPair, SeveralTest

CONFIDENCE = 0.95
#: A bound this close to 0 or 1 is rounding noise.
_NOISE = 1e-12
#: Halvings of a range of 1 until nothing is left to tell apart.
_HALVINGS = 52

Numbers = np.ndarray[Any, Any]


def wilson_bounds(count: Any, n: Any) -> tuple[Any, Any]:
    """Return the bounds of the 95 % Wilson interval (Wilson 1927) of ``count`` out of ``n``, numbers or arrays.

    They lie within 0 to 1, exactly on 0 for none and on 1 for all. ``n`` is above 0 and need not be whole.
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=1 - CONFIDENCE, method="wilson")
    return _within_one(low), _within_one(high)


def effective_bounds(share: Any, variance: Any) -> tuple[Any, Any]:
    """Return the bounds of Wilson's interval of a share of as many rows as would give it this variance.

    So a mean of values between 0 and 1 has an interval that, like a share's, leans inwards near the ends (Franco et
    al. 2019). The variance is above 0, and the share not at an end.
    """
    rows = share * (1 - share) / variance
    return wilson_bounds(share * rows, rows)


def share_interval(count: int, n: int) -> Interval | None:
    """Return the 95 % Wilson interval of ``count`` out of ``n``; None where n is 0."""
    if n == 0:
        return None
    low, high = wilson_bounds(count, n)
    return Interval(float(low), float(high))


def unseen_share(n: Any) -> Any:
    """Return Wilson's bound on the share of rows of a kind that none of ``n`` rows is, a number or an array."""
    return wilson_bounds(np.zeros_like(n), n)[1]


def paired_difference(before: Numbers, after: Numbers) -> Difference:
    """Return the difference in mean of two paired 0/1 arrays and its interval; None without rows."""
    before, after = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    n, first, second = len(before), int(np.sum(before & ~after)), int(np.sum(after & ~before))
    if n == 0:
        return Difference(None, None, 0)
    low, high = paired_bounds(first, second, n)
    return Difference((second - first) / n, Interval(float(low), float(high)), n)


def overlapping_difference(hits: Numbers, first: Numbers, second: Numbers) -> Difference:
    """Return the difference of two shares of ``hits``, among the ``second`` rows less among the ``first``.

    All three are 0/1 arrays over the same rows, as with the precision of a label: which rows are given it differs
    between models. Each share has Wilson's interval, and what the two have in common, since some rows are in both, is
    taken off (Zou 2007). ``n`` counts the rows in either; None where one of the two has no row.
    """
    hits, first, second = (np.asarray(one, dtype=bool) for one in (hits, first, second))
    n = int(np.sum(first | second))
    if not (first.any() and second.any()):
        return Difference(None, None, n)
    shares, bounds, pulls = [], [], []
    for among in (first, second):
        share = float(hits[among].mean())
        shares.append(share)
        bounds.append(wilson_bounds(int(np.sum(hits & among)), int(np.sum(among))))
        pulls.append(among * (hits - share) / np.sum(among))
    spread = float(np.sqrt(np.prod([np.sum(pull**2) for pull in pulls])))
    common = float(np.sum(pulls[0] * pulls[1])) / spread if spread > _NOISE else 0.0
    (low, high), (low_2, high_2) = bounds
    below = squared_and_added(shares[1] - low_2, high - shares[0], common)
    above = squared_and_added(high_2 - shares[1], shares[0] - low, common)
    difference = shares[1] - shares[0]
    interval = Interval(max(difference - float(below), -1.0), min(difference + float(above), 1.0))
    return Difference(difference, interval, n)


def squared_and_added(one: Any, other: Any, common: Any) -> Numbers:
    """Return how far an interval of a difference reaches, from how far those of both figures do (Newcombe 1998).

    ``common`` is the correlation of the two figures.
    """
    squared = one**2 + other**2 - 2 * common * one * other
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def paired_bounds(first: Any, second: Any, n: Any) -> tuple[Numbers, Numbers]:
    """Return the bounds of Tango's score interval (1998) of a paired difference in shares, numbers or arrays.

    Of ``n`` rows ``first`` count for the first share alone and ``second`` for the second alone; the difference is
    second minus first. All differences that the score test at level 0.05 does not reject are inside, which holds with
    few discordant rows and with none, where Wilson's bound on the share of unseen rows remains.
    """
    from scipy.stats import norm

    reach = norm.ppf(1 - (1 - CONFIDENCE) / 2)
    first, second, n = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (first, second, n)))
    estimate = (second - first) / n

    def kept(difference: Numbers) -> Any:
        # The likeliest share of rows that count for the first alone, given the difference (Tango 1998, section 3).
        slope = (2 * n - second + first) * difference - first - second
        root = np.sqrt(np.maximum(slope**2 + 8 * n * first * difference * (1 - difference), 0.0))
        variance = n * ((root - slope) / (2 * n) + difference * (1 - difference))
        return (second - first - n * difference) ** 2 <= reach**2 * np.maximum(variance, 0.0)

    bounds = []
    for end in (-1.0, 1.0):
        inside, outside = estimate, np.full_like(estimate, end)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            keep = kept(middle)
            inside, outside = np.where(keep, middle, inside), np.where(keep, outside, middle)
        bounds.append(np.where(kept(np.full_like(estimate, end)), end, inside))
    return bounds[0], bounds[1]


def show_p(p: float) -> str:
    """Return a p-value as text, for example ``p = 0.013``."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.4f}" if p < 0.001 else f"p = {p:.3f}"


def _within_one(bound: Any) -> Any:
    clipped = np.clip(bound, 0.0, 1.0)
    return np.where(clipped < _NOISE, 0.0, np.where(clipped > 1 - _NOISE, 1.0, clipped))


def mcnemar(before: Numbers, after: Numbers) -> McNemar:
    """Return McNemar's exact test (McNemar 1947) on two paired arrays of right (True) and wrong answers.

    ``b`` rows only the first model gets right, ``c`` only the second; ``p`` is the probability of a split at least so
    uneven if both were equally good.
    """
    from statsmodels.stats.contingency_tables import mcnemar as exact_test

    before, after = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    table = [[int(np.sum(a & b)) for b in (after, ~after)] for a in (before, ~before)]
    return McNemar(table[0][1], table[1][0], float(exact_test(table, exact=True).pvalue))


def rows_to_settle(b: int, c: int, n: int, power: float = 0.8) -> int | None:
    """Return how many test rows would tell two models apart if their difference stays as measured.

    The sample size of McNemar's test at level 0.05 and the given power (Connor 1987): with discordant shares
    p01 = b/n and p10 = c/n, their sum s and difference d,
    ``n = (z_{1-α/2} √s + z_{power} √(s - d²))² / d²``. None where b equals c: no number of rows settles a tie.
    """
    from scipy.stats import norm

    if b == c or n == 0:
        return None
    discordant, difference = (b + c) / n, (c - b) / n
    reach = norm.ppf(1 - (1 - CONFIDENCE) / 2) * np.sqrt(discordant)
    reach += norm.ppf(power) * np.sqrt(max(discordant - difference**2, 0.0))
    return int(np.ceil(reach**2 / difference**2))


def compare_several(right: Mapping[str, Numbers]) -> SeveralTest:
    """Return Cochran's Q test over several models, and exact McNemar tests of each pair with Holm's correction.

    ``right`` maps each model's name to its right (True) and wrong answers on the same rows. The pairs are to be read
    only where Q's ``p`` is small (Cochran 1950; Holm 1979); each has its difference in accuracy, second minus first.

    Raises:
        ValueError: fewer than two models.
    """
    from statsmodels.stats.contingency_tables import cochrans_q
    from statsmodels.stats.multitest import multipletests

    if len(right) < 2:
        raise ValueError("comparing needs two models or more")
    table = np.column_stack([np.asarray(one, dtype=int) for one in right.values()])
    names = list(combinations(right, 2))
    tests = [mcnemar(right[first], right[second]) for first, second in names]
    adjusted = multipletests([test.p for test in tests], method="holm")[1]
    pairs = [
        ModelPair(first, second, test.b, test.c, test.p, float(p), paired_difference(right[first], right[second]))
        for (first, second), test, p in zip(names, tests, adjusted, strict=True)
    ]
    # Q is 0/0 where every row has the same answer from all models; then nothing speaks for a difference.
    if np.all(table == table[:, :1]):
        return SeveralTest(len(table), 0.0, 1.0, pairs)
    test = cochrans_q(table)
    return SeveralTest(len(table), float(test.statistic), float(test.pvalue), pairs)
