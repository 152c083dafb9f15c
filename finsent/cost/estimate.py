"""What a run will cost before it starts; only from measured speed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from finsent.cost.pace import estimated_pace, evaluations
from finsent.cost.speed import SPEED_FIELDS, Speed, kept_calibration, measured_speed
from finsent.machine import hardware
from finsent.recipe import Recipe, total_steps
from finsent.runs.store import Run


@dataclass(frozen=True)
class Estimate:
    """The cost of a run: seconds, optimizer steps, and the measured speed that it rests on."""

    seconds: float
    steps: int
    speed: Speed


def estimate_run(
    recipe: Recipe,
    splits: dict[str, int],
    runs: Iterable[Run],
    runs_dir: Path,
    speed_of: Callable[[Run], Speed | None] = measured_speed,
) -> Estimate | None:
    """Return what a run will cost, or None when nothing was measured.

    ``splits`` counts the rows that the run will use. The speed is a calibration of these very settings, else that of
    the most similar finished run of the same base model on this machine (same loss, matrices and data first, then
    the newest), else a calibration beside another run. ``speed_of`` tells a run's speed, for which it reads the run's
    curves. The baseline is taken to be scored anew, though rows that were scored before are not.
    """
    speed = known_speed(recipe, runs, runs_dir, speed_of)
    if speed is None:
        return None
    return Estimate(cost_of(speed, recipe, splits), total_steps(recipe, splits["train"]), speed)


def estimate_continued(
    parent: Run,
    recipe: Recipe,
    repair_rows: int | None,
    replay: int,
    speed_of: Callable[[Run], Speed | None] = measured_speed,
) -> Estimate | None:
    """Return what a run that continues another one will cost, by that one's own speed, or None if it has measured none.

    ``recipe`` is the new run's. It trains on the parent's training rows, or on the rows of a repair set with
    ``replay`` ordinary ones for each, of which there may be fewer. The same rows judge both; as in
    :func:`estimate_run`, the baseline is taken to be scored anew.
    """
    speed = speed_of(parent)
    if speed is None or not parent.splits:
        return None
    everything = parent.splits["train"]
    rows = everything if repair_rows is None else min(repair_rows * (1 + replay), repair_rows + everything)
    splits = parent.splits | {"train": rows}
    return Estimate(cost_of(speed, recipe, splits), total_steps(recipe, rows), speed)


def known_speed(
    recipe: Recipe, runs: Iterable[Run], runs_dir: Path, speed_of: Callable[[Run], Speed | None] = measured_speed
) -> Speed | None:
    """Return the measured speed that tells most of a recipe's, as :func:`estimate_run` describes, or None."""
    speed = kept_calibration(recipe, runs_dir)
    if speed is None or speed.beside_run:
        speed = _speed_of_similar_run(recipe, runs, speed_of) or speed
    return speed


def cost_of(speed: Speed, recipe: Recipe, splits: dict[str, int]) -> float:
    """Return the seconds of a whole run on so many rows of each split, from launch to its figures, at a speed."""
    pace = estimated_pace(speed, recipe, splits)
    seconds = pace.preparing + 2 * (splits["validation"] + splits["test"]) * pace.score_row
    seconds += splits["train"] * recipe.epochs * speed.train_row
    return seconds + evaluations(recipe, splits["train"]) * pace.evaluation


def in_words(seconds: float) -> str:
    """Return a duration as people say it: ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(max(seconds, 0))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{round(whole / 60)} min"
    hours, rest = divmod(round(whole / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _speed_of_similar_run(recipe: Recipe, runs: Iterable[Run], speed_of: Callable[[Run], Speed | None]) -> Speed | None:
    machine = hardware()
    similar = [run for run in runs if run.recipe.model == recipe.model and run.hardware == machine]
    similar.sort(key=lambda run: (_likeness(run.recipe, recipe), run.created), reverse=True)
    return next(filter(None, map(speed_of, similar)), None)


def _likeness(one: Recipe, other: Recipe) -> int:
    return sum(getattr(one, field) == getattr(other, field) for field in SPEED_FIELDS)
