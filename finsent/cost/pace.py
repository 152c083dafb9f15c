"""What each part of a run takes, and how much is left of each: as estimated at first, as measured later."""

import math
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from finsent.cost.speed import Speed
from finsent.recipe import Recipe, steps_per_epoch, total_steps
from finsent.runs.curves import curve
from finsent.runs.store import Run, RunState

#: The stages of a run at work, in their order.
STAGES = (RunState.PREPARING, RunState.BASELINE, RunState.TRAINING, RunState.EVALUATING)
#: A row trained costs a forward pass and a backward pass through frozen weights, about three passes of scoring; used
#: where a machine has measured nothing but its scoring.
_TRAINED_PER_SCORED = 3
#: A measurement counts in full after this share of a stage, and after so many steps or rows at least.
_SHARE, _STEPS, _ROWS = 0.1, 10, 32
#: The share of all steps that is looked back on for what a step takes now.
_RECENT = 0.2
#: How far one part of a run tells of the others at most: a longer delay has a cause of its own.
_MOST_SLOWER = 3.0


@dataclass(frozen=True)
class Pace:
    """Seconds: of preparing, of a row scored, of an optimizer step, of an evaluation while training."""

    preparing: float
    score_row: float
    step: float
    evaluation: float


def estimated_pace(speed: Speed, recipe: Recipe, splits: dict[str, int]) -> Pace:
    """Return the pace that a speed measured before promises a run of these rows."""
    rows = recipe.batch_size * recipe.gradient_accumulation
    return Pace(speed.preparing, speed.score_row, rows * speed.train_row, splits["validation"] * speed.validation_row)


def evaluations(recipe: Recipe, train_rows: int) -> int:
    """Return how often a run is evaluated on its validation sample while it trains; the last step is always one."""
    return math.ceil(total_steps(recipe, train_rows) / _interval(recipe, train_rows))


def measured_pace(run: Run, curves: pd.DataFrame, estimated: Pace | None, now: datetime) -> Pace | None:
    """Return the estimate corrected by what the present stage has measured so far; None while nothing is known.

    What is measured counts the more, the more of the stage is done.
    """
    if run.state in (RunState.BASELINE, RunState.EVALUATING):
        return _by_scoring(run, estimated, now)
    if run.state == RunState.TRAINING:
        return _by_training(run, curves, estimated)
    return estimated


def stages_left(run: Run, curves: pd.DataFrame, pace: Pace, now: datetime) -> dict[RunState, float]:
    """Return the seconds that the present stage and each later one still take."""
    began = run.entered.get(run.state, now)
    elapsed = (now - began).total_seconds()
    scored = run.splits["validation"] + run.splits["test"]
    steps, interval = total_steps(run.recipe, run.splits["train"]), _interval(run.recipe, run.splits["train"])
    done = run.progress.done if run.progress and run.state == RunState.TRAINING else run.steps
    evaluated = _last_step(curves, "eval/loss", run) // interval
    left = {
        RunState.PREPARING: max(0.0, pace.preparing - elapsed),
        RunState.BASELINE: scored * pace.score_row,
        RunState.TRAINING: max(0, steps - done) * pace.step
        + max(0, math.ceil(steps / interval) - evaluated) * pace.evaluation,
        RunState.EVALUATING: scored * pace.score_row,
    }
    if run.state in (RunState.BASELINE, RunState.EVALUATING) and run.progress is not None:
        # Where processes share the rows, progress is of one share.
        left[run.state] *= 1 - run.progress.done / max(run.progress.total, 1)
    first = STAGES.index(run.state) if run.state in STAGES else 0
    return {stage: left[stage] for stage in STAGES[first:]}


def _by_scoring(run: Run, estimated: Pace | None, now: datetime) -> Pace | None:
    progress = run.progress
    if progress is None or not progress.done:
        return estimated
    elapsed = (now - run.entered[run.state]).total_seconds()
    shares = run.recipe.processes
    measured = elapsed / progress.done / shares
    if estimated is None:
        step = _TRAINED_PER_SCORED * measured * run.recipe.batch_size * run.recipe.gradient_accumulation
        return Pace(0.0, measured, step, run.splits["validation"] * measured)
    weight = min(1.0, progress.done / max(_ROWS, _SHARE * progress.total))
    row = _between(estimated.score_row, measured, weight)
    # Whatever slows the scoring down slows the training, too.
    slower = _slower(row, estimated.score_row)
    return Pace(estimated.preparing, row, slower * estimated.step, slower * estimated.evaluation)


def _by_training(run: Run, curves: pd.DataFrame, estimated: Pace | None) -> Pace | None:
    began = run.entered[RunState.TRAINING].timestamp()
    since = curves[curves["wall_time"] >= began]
    points, checks = curve(since, "train/loss"), curve(since, "eval/loss")
    if len(points) < 2:
        return estimated
    total = total_steps(run.recipe, run.splits["train"])
    step = _step_seconds(points, checks, max(_STEPS, _RECENT * total))
    check = _evaluation_seconds(points, checks, step)
    row = step / _TRAINED_PER_SCORED / (run.recipe.batch_size * run.recipe.gradient_accumulation)
    if estimated is None:
        return Pace(0.0, row, step, run.splits["validation"] * row if check is None else check)
    weight = min(1.0, (points["step"].iloc[-1] - points["step"].iloc[0]) / max(_STEPS, _SHARE * total))
    step = _between(estimated.step, step, weight)
    # Whatever slows the training down slows the scoring, too.
    slower = _slower(step, estimated.step)
    check = slower * estimated.evaluation if check is None else check
    return Pace(estimated.preparing, slower * estimated.score_row, step, check)


def _step_seconds(points: pd.DataFrame, checks: pd.DataFrame, recent: float) -> float:
    """Return the median of what a step took lately, of those stretches between points that hold no evaluation."""
    lately = points[points["step"] >= points["step"].iloc[-1] - recent]
    points = lately if len(lately) > 1 else points.tail(2)
    steps, each = points["step"].to_numpy(), np.diff(points["wall_time"]) / np.diff(points["step"])
    held = [((low <= checks["step"]) & (checks["step"] < high)).any() for low, high in pairwise(steps)]
    alone = each[~np.array(held)]
    return float(np.median(alone if len(alone) else each))


def _evaluation_seconds(points: pd.DataFrame, checks: pd.DataFrame, step: float) -> float | None:
    """Return what the last evaluation took, by the last point before it, or None before there was one."""
    if checks.empty:
        return None
    last = checks.iloc[-1]
    before = points[points["step"] <= last["step"]]
    if before.empty:
        return None
    between = (last["step"] - before["step"].iloc[-1]) * step
    return max(0.0, float(last["wall_time"] - before["wall_time"].iloc[-1] - between))


def _slower(now: float, estimated: float) -> float:
    """Return how much more time than estimated a part takes, as far as that tells of another part."""
    return min(_MOST_SLOWER, max(1 / _MOST_SLOWER, now / estimated)) if estimated else 1.0


def _between(estimated: float, measured: float, weight: float) -> float:
    return weight * measured + (1 - weight) * estimated


def _interval(recipe: Recipe, train_rows: int) -> int:
    return math.ceil(steps_per_epoch(recipe, train_rows) / recipe.evaluations_per_epoch)


def _last_step(curves: pd.DataFrame, tag: str, run: Run) -> int:
    """Return the last step of a curve that the run has reached: after a resume, older points lie ahead of it."""
    steps = curve(curves, tag)["step"]
    reached = steps[steps <= max(run.steps, run.progress.done if run.progress else 0)]
    return int(reached.max()) if len(reached) else 0
