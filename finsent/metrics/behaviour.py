"""Figures of behavioural tests: how often each model fails a rule, and whether the two differ."""

from dataclasses import dataclass, replace

import pandas as pd

from finsent.metrics.figures import Difference, Interval, McNemar
from finsent.metrics.statistics import mcnemar, paired_difference, share_interval

#: Of fewer texts, failures are counted and not compared.
MIN_TEXTS = 30


@dataclass(frozen=True)
class Failures:
    """How many texts one model fails a rule on, as a share with its 95 % interval."""

    failures: int
    share: float
    interval: Interval


@dataclass(frozen=True)
class RuleFigures:
    """What both models make of the ``n`` texts that a rule applies to.

    ``difference`` is the fine-tuned model's share of failures minus the baseline's, below zero where it fails less,
    ``test`` McNemar's exact test and ``p_holm`` its p after Holm's correction over the rules that are compared. These
    three are None of fewer than 30 texts.
    """

    rule: str
    expects: str
    n: int
    baseline: Failures
    tuned: Failures
    difference: Difference | None
    test: McNemar | None
    p_holm: float | None = None


def behaviour_figures(outcomes: pd.DataFrame) -> list[RuleFigures]:
    """Return the figures of each rule, in the order in which rules first come up.

    ``outcomes`` has one row a text and rule: ``rule, expects``, and of both models whether they fail, ``baseline
    failed`` and ``tuned failed``.
    """
    from statsmodels.stats.multitest import multipletests

    rules = [_figures(rows) for _, rows in outcomes.groupby("rule", sort=False)]
    tests = {one.rule: one.test.p for one in rules if one.test is not None}
    if not tests:
        return rules
    adjusted = dict(zip(tests, multipletests(list(tests.values()), method="holm")[1].tolist(), strict=True))
    return [replace(one, p_holm=adjusted.get(one.rule)) for one in rules]


def behaviour_table(figures: list[RuleFigures]) -> pd.DataFrame:
    """Return the figures as a table, one row a rule; what is not compared is missing."""
    rows = []
    for one in figures:
        row: dict[str, object] = {"rule": one.rule, "expects": one.expects, "texts": one.n}
        for name, model in (("baseline", one.baseline), ("tuned", one.tuned)):
            row |= {name: model.failures, f"{name} share": model.share}
            row |= {f"{name} low": model.interval.low, f"{name} high": model.interval.high}
        ends = one.difference.ci if one.difference else None
        row |= {"difference": one.difference.value if one.difference else None}
        row |= {"low": ends.low if ends else None, "high": ends.high if ends else None}
        row |= {"p": one.test.p if one.test else None, "p (Holm)": one.p_holm}
        rows.append(row)
    return pd.DataFrame(rows)


def _figures(rows: pd.DataFrame) -> RuleFigures:
    n = len(rows)
    before, after = (rows[f"{name} failed"].to_numpy(dtype=bool) for name in ("baseline", "tuned"))
    enough = n >= MIN_TEXTS
    return RuleFigures(
        rule=str(rows["rule"].iloc[0]),
        expects=str(rows["expects"].iloc[0]),
        n=n,
        baseline=_failures(int(before.sum()), n),
        tuned=_failures(int(after.sum()), n),
        difference=paired_difference(before, after) if enough else None,
        test=mcnemar(~before, ~after) if enough else None,
    )


def _failures(count: int, n: int) -> Failures:
    interval = share_interval(count, n)
    assert interval is not None
    return Failures(count, count / n, interval)
