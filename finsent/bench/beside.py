"""Training while somebody classifies: what a run and the answers beside it cost one another.

A visitor, a process of its own that keeps its models as the app does, classifies three headlines every two seconds by
both models. Each pair asks it while no run is at work, and then trains for a while without and with it, the one
first in one pair and the other in the next. ``python -m finsent.bench.beside RUN_FOLDER`` is the visitor: for each
line with a number on its input, it answers so often and prints the seconds of each answer as one line of JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from finsent.bench.bench import Bench
from finsent.bench.figures import figure, ratios
from finsent.distributed import environment_without_group, kill_with_children, module_command
from finsent.errors import FinsentError
from finsent.evaluation.classifier import Classifier
from finsent.files import PROJECT
from finsent.recipe import BARE_STEPS, Recipe, change_recipe, get_recipe
from finsent.runs.curves import curve, read_curves
from finsent.runs.queue import end_now, follow, launch
from finsent.runs.store import Run, RunState, read_run

HEADLINES = [
    "Operating profit fell to EUR 3.1 million from EUR 4.9 million a year earlier.",
    "The company opens a new visitor centre beside its Tampere plant.",
    "Velmora Shipping narrowed its quarterly loss as freight rates recovered.",
]
SECONDS_BETWEEN = 2.0
#: Answers while no run is at work, and in the time for which training is watched.
IDLE_ANSWERS, ANSWERS_BESIDE = 6, 10
MOST_PAIRS = 3
#: Steps until training has its pace.
_WARM_UP_STEPS = 4

Ask = Callable[[int], list[float]]


def beside(bench: Bench) -> dict[str, Any]:
    """Return training's tokens a second and the seconds of an answer, each alone and beside the other.

    ``training_kept`` is the share of its speed that training keeps, ``answer_slowdown`` the median answer beside it
    as a multiple of the idle one, pair by pair.

    Raises:
        FinsentError: a run or the visitor ended before it was measured.
    """
    runs_dir = bench.folder / "runs"
    pairs = min(bench.pairs, MOST_PAIRS)
    idle: list[list[float]] = []
    answers: list[list[float]] = []
    speeds: dict[str, list[float]] = {"alone": [], "beside": []}
    with _visitor(_short_run(bench, runs_dir), bench.folder / "visitor.log") as ask:
        ask(1)
        for pair in range(pairs):
            idle.append(ask(IDLE_ANSWERS))
            with _run_at_its_pace(_recipe(bench, epochs=100), runs_dir) as run:
                for turn in sorted(speeds, reverse=pair % 2 == 1):
                    began = time.time()
                    if turn == "beside":
                        answers.append(ask(ANSWERS_BESIDE))
                    else:
                        time.sleep(ANSWERS_BESIDE * SECONDS_BETWEEN)
                    speeds[turn].append(_tokens_per_second(run, began, time.time()))
    medians = [[float(np.median(seconds)) for seconds in asked] for asked in (answers, idle)]
    return {
        "training_alone_tokens_per_second": figure(speeds["alone"]),
        "training_beside_tokens_per_second": figure(speeds["beside"]),
        "training_kept": ratios(speeds["beside"], speeds["alone"]),
        "answer_idle_seconds": figure(sum(idle, [])),
        "answer_beside_seconds": figure(sum(answers, [])),
        "answer_slowdown": ratios(*medians),
    }


def _recipe(bench: Bench, **changes: Any) -> Recipe:
    shared = {"model": bench.model, "source": bench.source, "validation_rows": 8, "test_rows": 8, "logging_steps": 1}
    return change_recipe(get_recipe("quick"), BARE_STEPS | shared | changes)


def _short_run(bench: Bench, runs_dir: Path) -> Run:
    """Return a run of one step, whose adapter the visitor uses."""
    run = list(follow(launch(_recipe(bench, epochs=1, rows=8), runs_dir)))[-1]
    if run.state != RunState.DONE:
        raise FinsentError(f"The run whose adapter was to be used is {run.state}: {run.error}")
    return run


@contextmanager
def _run_at_its_pace(recipe: Recipe, runs_dir: Path) -> Iterator[Run]:
    """Give a run that trains at its usual speed, and end it afterwards."""
    run = launch(recipe, runs_dir)
    try:
        for now in follow(run, interval=0.2):
            run = now
            if run.state == RunState.TRAINING and run.steps >= _WARM_UP_STEPS:
                break
        if not run.active:
            raise FinsentError(f"The run that was to be measured is {run.state}: {run.error}")
        yield run
    finally:
        if read_run(run.folder).active:
            end_now(run)


def _tokens_per_second(run: Run, began: float, ended: float) -> float:
    """Return the speed of the steps between two moments, the mean over the time that they took."""
    points = curve(read_curves(run.folder), "train/tokens_per_second")
    points = points[(points["wall_time"] >= began) & (points["wall_time"] <= ended)]
    if len(points) < 2:
        raise FinsentError(
            "Training took no two steps while it was watched: the machine is busy with something else, or the model "
            "too large for it. Measure when nothing else computes, or choose a smaller model."
        )
    return float(np.average(points["value"].iloc[1:], weights=np.diff(points["wall_time"])))


@contextmanager
def _visitor(run: Run, log: Path) -> Iterator[Ask]:
    """Give a function that lets the visitor answer so often and returns the seconds of each answer."""
    with log.open("w") as complaints:
        process = subprocess.Popen(
            [*module_command("finsent.bench.beside", 1), str(run.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=PROJECT,
            env=environment_without_group(),
        )

    def ask(times: int) -> list[float]:
        assert process.stdin is not None and process.stdout is not None
        print(times, file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            last = (log.read_text().strip() or "it ended without a word").splitlines()[-1]
            raise FinsentError(f"The headlines could not be classified: {last}")
        seconds: list[float] = json.loads(line)
        return seconds

    with process:
        try:
            yield ask
        finally:
            kill_with_children(process.pid)


def _visit(folder: Path) -> None:
    classifier = Classifier.of_run(read_run(folder))
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            began = time.perf_counter()
            classifier.classify(HEADLINES)
            seconds.append(time.perf_counter() - began)
            time.sleep(max(0.0, SECONDS_BETWEEN - seconds[-1]))
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    _visit(Path(sys.argv[1]))
