"""What a run will cost before it starts, and how long it still takes while it goes on; only from measured speed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from finsent.recipes import Recipe
from finsent.runs import Run, RunState
from finsent.speed import SPEED_FIELDS, Speed, kept_calibration, measured_speed
from finsent.telemetry import curve
from finsent.world import hardware

#: A training phase is cut into at most this many pieces to see how much its speed varies.
_PIECES = 10
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """The cost of a run: seconds, optimizer steps, and the measured speed that it rests on."""

    seconds: float
    steps: int
    speed: Speed


@dataclass(frozen=True)
class Remaining:
    """Seconds until the present state ends, with a 95 % prediction interval where the speed's spread is known."""

    seconds: float
    low: float | None = None
    high: float | None = None


def steps_per_epoch(recipe: Recipe, train_rows: int) -> int:
    """Return the number of optimizer steps in one pass over the training rows."""
    return math.ceil(math.ceil(train_rows / recipe.batch_size) / recipe.gradient_accumulation)


def total_steps(recipe: Recipe, train_rows: int) -> int:
    """Return the number of optimizer steps of a run, as transformers' trainer counts them."""
    return recipe.soup * math.ceil(recipe.epochs * steps_per_epoch(recipe, train_rows))


def evaluations(recipe: Recipe, train_rows: int) -> int:
    """Return how often a run looks at its validation sample while it trains; the last step is always one."""
    interval = math.ceil(steps_per_epoch(recipe, train_rows) / recipe.evaluations_per_epoch)
    return math.ceil(total_steps(recipe, train_rows) / interval)


def estimate_run(recipe: Recipe, splits: dict[str, int], runs: Iterable[Run], runs_dir: Path) -> Estimate | None:
    """Return what a run will cost, or None when nothing was measured.

    ``splits`` counts the rows that the run will use. The speed is a calibration of these very settings, else that of
    the most similar finished run of the same base model on this machine (same loss, matrices and data first, then
    the newest). The baseline is taken to be scored anew, though rows that were scored before are not.
    """
    speed = kept_calibration(recipe, runs_dir) or _speed_of_similar_run(recipe, runs)
    if speed is None:
        return None
    scored = splits["validation"] + splits["test"]
    seconds = speed.preparing + 2 * scored * speed.score_row
    seconds += recipe.soup * splits["train"] * recipe.epochs * speed.train_row
    seconds += evaluations(recipe, splits["train"]) * splits["validation"] * speed.validation_row
    return Estimate(seconds=seconds, steps=total_steps(recipe, splits["train"]), speed=speed)


def remaining(run: Run, curves: pd.DataFrame, now: datetime | None = None) -> Remaining | None:
    """Return how long the present state of an active run still takes, or None while nothing is measured.

    Training is measured from its logged steps, evaluations in between included; scoring from the rows done. The
    interval of training treats pieces of the phase as independent draws of a normal distribution.
    """
    now = now or datetime.now(UTC)
    began = run.entered.get(run.state)
    if not run.active or run.progress is None or began is None:
        return None
    if run.state == RunState.TRAINING:
        return _remaining_steps(curve(curves, "train/loss"), run.progress.total, began, now)
    elapsed = (now - began).total_seconds()
    if run.progress.done == 0:
        return None
    return Remaining(elapsed / run.progress.done * (run.progress.total - run.progress.done))


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


def _remaining_steps(points: pd.DataFrame, total: int, began: datetime, now: datetime) -> Remaining | None:
    from scipy.stats import t as student

    points = points[points["wall_time"] >= began.timestamp()]
    if len(points) < 2:
        return None
    steps, times = points["step"].to_numpy(), points["wall_time"].to_numpy()
    left = total - steps[-1]
    since = now.timestamp() - times[-1]
    pace = (times[-1] - times[0]) / (steps[-1] - steps[0])
    seconds = max(0.0, left * pace - since)
    ends = np.unique(np.linspace(0, len(points) - 1, min(_PIECES, len(points) - 1) + 1).round().astype(int))
    pieces = np.diff(times[ends]) / np.diff(steps[ends])
    if len(pieces) < 3 or left <= 0:
        return Remaining(seconds)
    piece_steps = (steps[-1] - steps[0]) / len(pieces)
    ahead = left / piece_steps
    # The sum of the pieces ahead varies by itself, and its mean is known from the pieces behind only.
    spread = piece_steps * pieces.std(ddof=1) * math.sqrt(ahead + ahead**2 / len(pieces))
    margin = student.ppf((1 + _CONFIDENCE) / 2, len(pieces) - 1) * spread
    return Remaining(seconds, max(0.0, seconds - margin), seconds + margin)


def _speed_of_similar_run(recipe: Recipe, runs: Iterable[Run]) -> Speed | None:
    machine = hardware()
    similar = [run for run in runs if run.recipe.model == recipe.model and run.hardware == machine]
    similar.sort(key=lambda run: (_likeness(run.recipe, recipe), run.created), reverse=True)
    return next(filter(None, map(measured_speed, similar)), None)


def _likeness(one: Recipe, other: Recipe) -> int:
    return sum(getattr(one, field) == getattr(other, field) for field in SPEED_FIELDS)
