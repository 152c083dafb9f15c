"""Several runs: where their settings differ, their models on the rows that all were judged on, what changed there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from finsent.inference.predictions import MODELS
from finsent.metrics.calibration import Pair
from finsent.metrics.classification import class_view
from finsent.metrics.figures import Interval, ModelPair, SeveralModels
from finsent.metrics.several import common_rows, compare_models
from finsent.metrics.statistics import show_p
from finsent.metrics.verdict import weigh
from finsent.metrics.wording import moved_figures, moved_words, points
from finsent.recipe_form import show_value
from finsent.runs.evaluated_sets import OWN, judged_pair
from finsent.runs.history import origin_facts
from finsent.runs.store import Run

APART = "can't be told apart from"
#: What follows a run's title in the name of the column that has its confidence.
SURE = " sure"
#: Columns of tables that have one more for each run.
_TAKEN = {MODELS[0], "text", "gold", "right", "row_id", "setting"}


def run_titles(runs: Sequence[Run]) -> dict[str, str]:
    """Return ``{id: title}`` of runs, which name columns; a title that is not a run's own alone gives way to its id.

    So does one that a table of several runs gives to another column.
    """
    titles = {run.id: run.title for run in runs}
    given = list(titles.values())

    def alone(title: str) -> bool:
        return given.count(title) == 1 and title not in _TAKEN and not title.endswith(SURE)

    return {ident: title if alone(title) else ident for ident, title in titles.items()}


def compare_runs(
    runs: Sequence[Run], classes: int = 3, on: str = OWN, pair_of: Callable[[Run, str], Pair] = judged_pair
) -> SeveralModels:
    """Return what :func:`finsent.metrics.several.compare_models` says about runs and the first one's baseline.

    Models are named as :func:`run_titles` has them, and “baseline”; ``pair_of`` reads a run's judged predictions. Of
    each two runs it also says in which other figures one is better or worse.

    Raises:
        RunError: a run was not judged on these rows, or they have no row in common.
        ValueError: there is no run.
    """
    titles = run_titles(runs)
    tables: dict[str, pd.DataFrame] = {}
    for run in runs:
        baseline, tuned = pair_of(run, on)
        tables.setdefault(MODELS[0], baseline)
        tables[titles[run.id]] = tuned
    shared = common_rows(tables)
    found = compare_models(shared, classes)
    return replace(found, pairs=[_with_figures(pair, shared, classes) for pair in found.pairs])


def _with_figures(pair: ModelPair, tables: Mapping[str, pd.DataFrame], classes: int) -> ModelPair:
    """Return a pair with the figures in which its second run is better or worse; a pair with the baseline as it is."""
    if MODELS[0] in (pair.first, pair.second):
        return pair
    weighed = weigh(tables[pair.first], tables[pair.second], classes)
    better, worse = (tuple(moved_figures(changes)) for changes in (weighed.better, weighed.worse))
    return replace(pair, better=better, worse=worse)


def differing_settings(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the settings in which runs differ, as text: one row a setting, one column a run.

    Besides their recipes' settings that is what they began with: another run, corrected labels, a repair set, adapters.
    """
    titles = run_titles(runs)
    settings = {run.id: _settings(run, titles) for run in runs}
    names = dict.fromkeys(name for one in settings.values() for name in one)
    rows = [{"setting": name} | {titles[run]: one.get(name, "–") for run, one in settings.items()} for name in names]
    differ = [row for row in rows if len({row[title] for title in titles.values()}) > 1]
    return pd.DataFrame(differ, columns=["setting", *titles.values()])


def _settings(run: Run, titles: Mapping[str, str]) -> dict[str, str]:
    """Return a run's settings and what it began with, as text; a run among ``titles`` goes by its title."""
    began = origin_facts(run)
    if run.parent:
        began["continues"] = titles.get(run.parent, run.parent)
    if run.averaged:
        began["average of"] = ", ".join(titles.get(parent, parent) for parent in run.averaged)
    if run.imported:
        began["adapter from"] = run.imported
    return {name: show_value(value) for name, value in run.recipe.model_dump().items()} | began


def changed_rows(
    runs: Sequence[Run], classes: int = 3, on: str = OWN, pair_of: Callable[[Run, str], Pair] = judged_pair
) -> pd.DataFrame:
    """Return the shared rows that the runs' fine-tuned models do not call alike.

    Columns: ``text, gold``, the answer of each run by its title, ``right`` (the titles of those that are), ``row_id``.
    Rows that some get right and others wrong come first.

    Raises:
        RunError: as :func:`compare_runs`.
    """
    titles = run_titles(runs)
    shared = common_rows({titles[run.id]: pair_of(run, on)[1] for run in runs})
    first = next(iter(shared.values()))
    views = {title: class_view(table, classes) for title, table in shared.items()}
    gold = next(iter(views.values()))[1]
    answers = pd.DataFrame({title: answer for title, (_, _, answer) in views.items()})
    right = answers.eq(pd.Series(gold), axis=0)
    table = pd.DataFrame({"text": first["text"].to_numpy(), "gold": gold}).join(answers)
    table["right"] = [", ".join(right.columns[row]) or "none" for row in right.to_numpy()]
    table["row_id"] = first["row_id"].to_numpy()
    changed = answers.nunique(axis=1) > 1
    settled = right.any(axis=1) & ~right.all(axis=1)
    order = settled[changed].sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def pair_verdict(pair: ModelPair) -> str:
    """Return which of two models is better on their rows, in one sentence with n, interval and p."""
    first, second, difference = pair.first, pair.second, pair.difference
    better, worse = pair.better, pair.worse
    if difference.value is not None and difference.value < 0 and difference.ci is not None:
        # The other way round, so that a sentence about the better one has a gain.
        first, second, better, worse = second, first, worse, better
        low, high = difference.ci
        difference = replace(difference, value=-difference.value, ci=Interval(-high, -low))
    if difference.settled:
        opening = f"“{second}” is better than “{first}” on these rows" + f", but {moved_words((), worse)}" * bool(worse)
    elif elsewhere := moved_words(better, worse):
        opening = f"“{second}” {APART} “{first}” in accuracy on these rows, but is {elsewhere}"
    else:
        opening = f"“{second}” {APART} “{first}” on these rows"
    return (
        f"{opening}: accuracy {points(difference)}, {show_p(pair.p)}, "
        f"n = {difference.n:,}. Only “{pair.first}” is right on {pair.b:,}, only “{pair.second}” on {pair.c:,}. Both "
        "were trained once: what another seed would have given is not in the interval."
    )
