"""What keeps a run from learning, said before it is launched: too few rows or steps, or labels that are not there.

Nothing here forbids a launch. A run on such data ends as it should and is worth little, which its owner should know
before the minutes are spent.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from finsent.data.prepared import Prepared
from finsent.labels import TO_THREE
from finsent.recipe import Recipe, steps_per_epoch, total_steps, warmup_steps

#: Below this many training rows a run shows little but chance.
FEW_ROWS = 50
#: A learning rate that has risen wants at least twice as many steps again to fall.
FEWEST_WARMUPS = 3


@dataclass(frozen=True)
class LaunchWarning:
    """Why a run would learn little or nothing: ``title`` in a few words, ``why`` and ``remedy`` as sentences."""

    title: str
    why: str
    remedy: str

    @property
    def sentence(self) -> str:
        """All of it in one paragraph."""
        return f"{self.title}. {self.why} {self.remedy}"

    def as_json(self) -> dict[str, str]:
        """Return plain values for JSON."""
        return dict(vars(self))


def launch_warnings(recipe: Recipe, prepared: Prepared, taught: Iterable[str] = ()) -> list[LaunchWarning]:
    """Return why a run of a recipe on its prepared data would learn little or nothing; an empty list if nothing does.

    ``taught`` are the labels that the adapter which it starts from has learnt. Labels are looked at over three classes,
    since bullish and positive teach the same view.
    """
    return [
        warning
        for warning in (
            few_rows(recipe, prepared.counts["train"]),
            few_steps(recipe, prepared.counts["train"]),
            one_label(prepared.train["label"]),
            untaught_labels([*prepared.train["label"], *taught], prepared.judged["label"]),
        )
        if warning is not None
    ]


def few_rows(recipe: Recipe, train_rows: int) -> LaunchWarning | None:
    """Return the warning of a run that trains on fewer than 50 rows."""
    if train_rows >= FEW_ROWS:
        return None
    drawn = recipe.rows is not None and recipe.rows == train_rows
    return LaunchWarning(
        f"Only {train_rows:,} training rows",
        f"On fewer than {FEW_ROWS} rows a run learns little, and which rows they are decides what.",
        "Draw more of them (rows), or give more labelled texts." if drawn else "Give more labelled texts.",
    )


def few_steps(recipe: Recipe, train_rows: int) -> LaunchWarning | None:
    """Return the warning of a run whose steps are fewer than three of the warm-ups that its recipe asks for."""
    steps, wanted = total_steps(recipe, train_rows), FEWEST_WARMUPS * recipe.warmup_steps
    if steps >= wanted:
        return None
    used = warmup_steps(recipe, train_rows)
    epochs = math.ceil(wanted / steps_per_epoch(recipe, train_rows))
    return LaunchWarning(
        f"Only {steps:,} {_plural('step', steps)}",
        f"This recipe asks for a warm-up of {recipe.warmup_steps:,} steps and has fewer than {FEWEST_WARMUPS} times as "
        f"many in all. Its warm-up is cut to {used:,}, and the run may end before it has learned anything.",
        f"Train on more rows, or for {epochs:,} epochs, which make {wanted:,} steps or more.",
    )


def one_label(labels: Iterable[str]) -> LaunchWarning | None:
    """Return the warning of texts to train on that all have the same label, as a repair set of one class has."""
    kinds = _classes(labels)
    if len(kinds) != 1:
        return None
    (label,) = kinds
    return LaunchWarning(
        f"Every training row is {label}",
        f"Such a set, as a repair set of one class is, teaches to answer {label} whatever the text says.",
        "Add rows of the other labels; a repair set has them with “Other labels, too” (--other-labels).",
    )


def untaught_labels(trained: Iterable[str], judged: Iterable[str]) -> LaunchWarning | None:
    """Return the warning of labels that held-out rows have and no training row has, where there are several labels."""
    taught = _classes(trained)
    missing = sorted(_classes(judged) - taught)
    if not missing or len(taught) == 1:
        return None
    names = " or ".join(missing)
    return LaunchWarning(
        f"No training row is {names}",
        f"The validation and test rows have {names} texts; the run is judged on what it was never shown.",
        f"Add {names} rows, or draw more training rows.",
    )


def _classes(labels: Iterable[str]) -> set[str]:
    return {TO_THREE[label] for label in set(labels)}


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
