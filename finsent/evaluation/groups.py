"""What a group of seeds is worth: each seed's figures, how far they lie apart, and one verdict over rows and seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import RunStateError
from finsent.metrics.calibration import Pair
from finsent.metrics.classification import class_view
from finsent.metrics.seeds import SeedFigure, over_seeds
from finsent.metrics.several import common_rows
from finsent.metrics.statistics import mcnemar
from finsent.metrics.verdict import BASELINE, TUNED, Change, Verdict, settle
from finsent.runs.evaluated_sets import OWN, judged_pair, judged_sets
from finsent.runs.groups import RunGroup
from finsent.runs.store import Run


@dataclass(frozen=True)
class GroupEvaluation:
    """A group's figures on ``n`` rows that all its judged ``runs`` answered, in the order of ``seeds``."""

    group: str
    runs: list[str]
    seeds: list[int]
    n: int
    neutral_n: int
    figures: list[SeedFigure]
    verdict: Verdict

    def of(self, figure: str) -> SeedFigure | None:
        """Return accuracy, macro_f1 or neutral_as_positive; None where no row has it."""
        return next((one for one in self.figures if one.figure == figure and one.label is None), None)


def judged_members(group: RunGroup, on: str = OWN) -> list[Run]:
    """Return the members that were judged on a set of rows, in their order."""
    return [run for run in group.runs if on in judged_sets(run)]


def evaluate_group(
    group: RunGroup, classes: int = 3, on: str = OWN, pair_of: Callable[[Run, str], Pair] = judged_pair
) -> GroupEvaluation:
    """Return what a group of seeds is worth on one set of rows; ``pair_of`` reads a run's judged predictions.

    Raises:
        RunStateError: fewer than two members have been judged on these rows.
        RunError: predictions cannot be read, or the members have no row in common.
    """
    runs = judged_members(group, on)
    if len(runs) < 2:
        raise RunStateError(
            f"Group {group.id} has {len(runs)} of {len(group.about.members)} seeds judged on these rows, and luck "
            "shows from two on. Wait for the others, or resume the group."
        )
    pairs = [pair_of(run, on) for run in runs]
    tables = common_rows({"baseline": pairs[0][0]} | {run.id: pair[1] for run, pair in zip(runs, pairs, strict=True)})
    baseline, *tuned = tables.values()
    figures = over_seeds(baseline, tuned, classes)
    _, gold, _ = class_view(baseline)
    return GroupEvaluation(
        group=group.id,
        runs=[run.id for run in runs],
        seeds=[run.recipe.seed for run in runs],
        n=len(baseline),
        neutral_n=int(np.sum(gold == "neutral")),
        figures=figures,
        verdict=_verdict(figures, baseline, tuned, classes),
    )


def _verdict(figures: list[SeedFigure], baseline: pd.DataFrame, tuned: list[pd.DataFrame], classes: int) -> Verdict:
    """Return the verdict whose intervals are over rows and seeds.

    Rows count as fixed and broken by what more than half of the seeds say, and McNemar's test is about them; it knows
    no luck, but a figure is called settled only where its interval over seeds agrees.
    """
    accuracy, *others = (Change(one.figure, one.label, one.baseline, one.mean, one.difference, None) for one in figures)
    _, gold, before = class_view(baseline, classes)
    right = np.mean([class_view(table, classes)[2] == gold for table in tuned], axis=0)
    weighed = settle(len(baseline), accuracy, mcnemar(before == gold, right > 0.5), others)
    return Verdict(
        **vars(weighed),
        first=BASELINE,
        second=TUNED,
        prior=None,
        bag_of_words=None,
        overlap=None,
        without=[],
        runs=len(tuned),
    )


def seeds_table(evaluation: GroupEvaluation) -> pd.DataFrame:
    """Return one row a figure: the baseline's, each seed's, their mean with its interval, and the spread between seeds.

    Shares are from 0 to 1; ``difference`` is the mean less the baseline, with its interval beside it.
    """
    rows: list[dict[str, Any]] = []
    for one in evaluation.figures:
        row: dict[str, Any] = {"figure": figure_title(one), "baseline": one.baseline}
        row |= {f"seed {seed}": value for seed, value in zip(evaluation.seeds, one.values, strict=True)}
        row |= {"mean": one.mean, "low": one.ci.low, "high": one.ci.high, "spread": one.spread}
        low, high = one.difference.ci or (None, None)
        row |= {"difference": one.difference.value, "difference low": low, "difference high": high}
        rows.append(row | {"n": one.difference.n})
    return pd.DataFrame(rows)


def figure_title(one: SeedFigure) -> str:
    """Return what a figure is called."""
    titles = {"accuracy": "accuracy", "macro_f1": "macro-F1", "neutral_as_positive": "neutral called positive"}
    return titles.get(one.figure) or f"{one.figure} of {one.label}"


def seeds_sentences(evaluation: GroupEvaluation) -> list[str]:
    """Return in plain sentences what the seeds differ by, and what the intervals are over."""
    sentences = []
    for name, n in (("accuracy", evaluation.n), ("neutral_as_positive", evaluation.neutral_n)):
        one = evaluation.of(name)
        if one is not None:
            sentences.append(
                f"The seed alone moves {figure_title(one)} from {min(one.values):.1%} to {max(one.values):.1%} "
                f"(standard deviation {100 * one.spread:.1f} points, {len(one.values)} seeds, n = {n:,}); "
                f"mean {one.mean:.1%} ({one.ci.low:.1%} to {one.ci.high:.1%})."
            )
    few = " Two seeds say little about luck, so the intervals are very wide." if len(evaluation.seeds) == 2 else ""
    sentences.append(
        f"The 95 % intervals are over rows and seeds together.{few} A row counts as fixed or broken by what more than "
        "half of the seeds say."
    )
    return sentences
