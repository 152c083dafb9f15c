"""A run that fits into a time: as many epochs, or rows, as the speed measured on this machine leaves room for."""

from dataclasses import dataclass

import pandas as pd

from finsent.cost.estimate import cost_of, in_words
from finsent.cost.speed import Speed
from finsent.data.learnable import FEW_ROWS
from finsent.errors import BudgetError
from finsent.recipe import Recipe, change_recipe

#: Up to four epochs teach about as much as new rows would (Muennighoff et al. 2023, Scaling Data-Constrained Language
#: Models); more of them are no good use of time that is left.
MOST_EPOCHS = 4


@dataclass(frozen=True)
class Budget:
    """What fits into a time: the ``recipe`` with its rows and epochs, and its estimated ``seconds`` in all."""

    recipe: Recipe
    seconds: float
    words: str


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as ``3m``, ``90s`` or ``1h30m``.

    Raises:
        BudgetError: it is none, or not longer than nothing.
    """
    advice = "Give a number with its unit, for example 3m, 90s or 1h30m."
    try:
        # A number alone would be nanoseconds to pandas.
        seconds = 0.0 if text.strip().replace(".", "").isdigit() else pd.Timedelta(text).total_seconds()
    except ValueError as error:
        raise BudgetError(f"“{text[:40]}” is no duration. {advice}") from error
    if not seconds > 0:
        raise BudgetError(f"“{text[:40]}” is no duration of a run. {advice}")
    return seconds


def within_budget(recipe: Recipe, splits: dict[str, int], speed: Speed | None, seconds: float) -> Budget:
    """Return the recipe with as many epochs as fit into the seconds, or else with fewer rows in one epoch.

    ``splits`` counts the rows that the recipe would use. The whole run counts: preparing, both models' scoring, and
    training with its evaluations. All other settings stay.

    Raises:
        BudgetError: nothing was measured on this machine yet, or not even a run on 50 rows fits.
    """
    if speed is None:
        raise BudgetError(
            "How much fits into a time is not known: nothing was measured on this machine with this model yet. Measure "
            "it first (half a minute), or launch without a budget."
        )
    train = splits["train"]
    for epochs in range(MOST_EPOCHS, 0, -1):
        whole = change_recipe(recipe, {"epochs": epochs})
        if (cost := cost_of(speed, whole, splits)) <= seconds:
            counted = "one epoch" if epochs == 1 else f"{epochs} epochs"
            return Budget(whole, cost, f"{counted} over all {train:,} training rows, {_about(cost, seconds)}")
    rows = _most_rows(recipe, splits, speed, seconds)
    part = change_recipe(recipe, {"epochs": 1, "rows": rows})
    cost = cost_of(speed, part, splits | {"train": rows})
    return Budget(part, cost, f"one epoch over {rows:,} of {train:,} training rows, {_about(cost, seconds)}")


def _most_rows(recipe: Recipe, splits: dict[str, int], speed: Speed, seconds: float) -> int:
    """Return the most rows, whole optimizer steps of them, whose run fits."""
    step = recipe.batch_size * recipe.gradient_accumulation
    fewest = -(-min(FEW_ROWS, splits["train"]) // step) * step
    choices = range(fewest, splits["train"], step)
    once = change_recipe(recipe, {"epochs": 1})
    costs = [(cost_of(speed, once, splits | {"train": rows}), rows) for rows in choices]
    fitting = [rows for cost, rows in costs if cost <= seconds]
    if not fitting:
        least = cost_of(speed, once, splits | {"train": min(fewest, splits["train"])})
        raise BudgetError(
            f"{in_words(seconds)} are too short: a run on {min(fewest, splits['train']):,} rows, below which little is "
            f"learned, takes about {in_words(least)} with these settings. Give more time, or score fewer validation "
            "and test rows."
        )
    return max(fitting)


def _about(cost: float, seconds: float) -> str:
    return f"about {in_words(cost)} of {in_words(seconds)}"
