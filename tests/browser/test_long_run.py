"""A run of 100,000 points is as quick to open and to follow as a short one."""

import os
import time
from datetime import UTC, datetime

import psutil
import pytest
from playwright.sync_api import Page
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.recipe import get_recipe
from finsent.runs.store import Progress, Run, RunState, create_run, update_run
from tests.browser.conftest import App
from tests.browser.test_lab import wait_for_points

pytestmark = pytest.mark.browser

TAGS = ("train/loss", "train/grad_norm", "train/learning_rate", "train/tokens_per_second")
SHORT, LONG = 100, 25_000
TICKS = 6
FEWEST_TURNS, MOST_TURNS = 1, 10
DRAWN = "() => document.querySelectorAll('.js-plotly-plot .xaxislayer-above').length >= 5"


def add_points(writer: EventFileWriter, steps: range) -> None:
    for step in steps:
        values = [Summary.Value(tag=tag, simple_value=1 / step) for tag in TAGS]
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
    writer.flush()


def seconds_to_open(app: App, page: Page, run: Run, steps: int) -> float:
    began = time.perf_counter()
    page.goto(f"{app.url}/train?run={run.id}", wait_until="commit")
    page.wait_for_function(DRAWN)
    seconds = time.perf_counter() - began
    assert wait_for_points(page, steps - 1) == steps
    return seconds


def seconds_a_tick(app: App, page: Page, run: Run, writer: EventFileWriter, steps: int) -> float:
    """Return the processor time that the server needs for one more point of a run of so many steps."""
    seconds_to_open(app, page, run, steps)
    server = psutil.Process(app.process.pid)
    before = sum(server.cpu_times()[:2])
    for step in range(steps + 1, steps + 1 + TICKS):
        add_points(writer, range(step, step + 1))
        wait_for_points(page, step - 1)
    return (sum(server.cpu_times()[:2]) - before) / TICKS


def pretend_to_train(app: App, steps: int) -> Run:
    """Return a run that looks as if this process were its worker.

    It is so from its first moment: an open page starts whatever waits.
    """
    own = psutil.Process(os.getpid())
    worker = {"pid": own.pid, "pid_created": own.create_time(), "started": datetime.now(UTC)}
    run = create_run(get_recipe("quick"), app.runs_dir, f"{steps} steps", state=RunState.PREPARING, **worker)
    progress = Progress(done=steps, total=2 * steps, unit="steps")
    return update_run(run.folder, state=RunState.TRAINING, progress=progress, steps=steps)


def test_a_long_run_opens_and_ticks_like_a_short_one(app, page):
    runs = {steps: pretend_to_train(app, steps) for steps in (SHORT, LONG)}
    writers = {steps: EventFileWriter(str(run.tensorboard_dir)) for steps, run in runs.items()}
    opened: dict[int, list[float]] = {SHORT: [], LONG: []}
    for steps, writer in writers.items():
        add_points(writer, range(1, steps + 1))
    # In turn, and the best of each: whatever else is at work on the machine slows single openings.
    for turn in range(MOST_TURNS):
        for steps, run in runs.items():
            opened[steps].append(seconds_to_open(app, page, run, steps))
        if turn >= FEWEST_TURNS and min(opened[LONG]) < 1.5 * min(opened[SHORT]):
            break
    ticks = {steps: seconds_a_tick(app, page, run, writers[steps], steps) for steps, run in runs.items()}
    print(f"opened in {opened}, a tick {ticks}")
    for steps, run in runs.items():
        writers[steps].close()
        update_run(run.folder, state="stopped")
    assert min(opened[LONG]) < 1.5 * min(opened[SHORT])
    assert ticks[LONG] < 3 * ticks[SHORT]
