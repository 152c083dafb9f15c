"""Failures of rules: shares, differences with interval and test, Holm's correction, and counts of few texts."""

import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from finsent.metrics.behaviour import MIN_TEXTS, behaviour_figures, behaviour_table
from finsent.metrics.statistics import mcnemar, paired_difference


def outcomes(rule, before, after, expects="keep"):
    return pd.DataFrame({"rule": rule, "expects": expects, "baseline failed": before, "tuned failed": after})


@pytest.fixture
def tests():
    many, half = [True] * 40 + [False] * 20, [True] * 10 + [False] * 50
    few = [True] * (MIN_TEXTS - 1)
    return pd.concat(
        [
            outcomes("b", many, half),
            outcomes("a", half, many[::-1], "flip"),
            outcomes("few", few, [not one for one in few]),
        ]
    )


def test_rules_are_compared_with_interval_test_and_holms_correction(tests):
    first, second, few = behaviour_figures(tests)
    assert [first.rule, second.rule, few.rule] == ["b", "a", "few"]
    assert (first.n, first.baseline.failures, first.tuned.failures) == (60, 40, 10)
    rows = tests[tests["rule"] == "b"]
    before, after = (rows[name].to_numpy() for name in ("baseline failed", "tuned failed"))
    assert first.difference == paired_difference(before, after)
    assert first.test == mcnemar(~before, ~after)
    adjusted = multipletests([first.test.p, second.test.p], method="holm")[1]
    assert [first.p_holm, second.p_holm] == pytest.approx(list(adjusted))


def test_few_texts_are_counted_and_not_compared(tests):
    few = behaviour_figures(tests)[-1]
    assert (few.n, few.baseline.failures, few.tuned.failures) == (MIN_TEXTS - 1, MIN_TEXTS - 1, 0)
    assert few.difference is few.test is few.p_holm is None
    table = behaviour_table(behaviour_figures(tests))
    assert table["texts"].tolist() == [60, 60, MIN_TEXTS - 1]
    assert table.loc[2, ["difference", "low", "high", "p", "p (Holm)"]].isna().all()


def test_without_a_rule_that_is_compared_there_is_no_correction():
    (one,) = behaviour_figures(outcomes("a", [True], [False]))
    assert one.p_holm is None and one.baseline.share == 1
