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
DRAWN = "() => document.querySelectorAll('.js-plotly-plot .xaxislayer-above').length >= 5"


def add_points(writer: EventFileWriter, steps: range) -> None:
    for step in steps:
        values = [Summary.Value(tag=tag, simple_value=1 / step) for tag in TAGS]
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
    writer.flush()


def follow(app: App, page: Page, steps: int) -> tuple[float, float]:
    """Return the seconds in which a run of so many steps opens (the best of four), and the server's for one tick."""
    run = pretend_to_train(app, steps)
    writer = EventFileWriter(str(run.tensorboard_dir))
    add_points(writer, range(1, steps + 1))
    opened = []
    for _ in range(4):
        began = time.perf_counter()
        page.goto(f"{app.url}/train?run={run.id}", wait_until="commit")
        page.wait_for_function(DRAWN)
        opened.append(time.perf_counter() - began)
        assert wait_for_points(page, steps - 1) == steps
    server = psutil.Process(app.process.pid)
    before = sum(server.cpu_times()[:2])
    for step in range(steps + 1, steps + 1 + TICKS):
        add_points(writer, range(step, step + 1))
        wait_for_points(page, step - 1)
    spent = sum(server.cpu_times()[:2]) - before
    writer.close()
    update_run(run.folder, state="stopped")
    return min(opened), spent / TICKS


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
    short_opened, short_tick = follow(app, page, SHORT)
    long_opened, long_tick = follow(app, page, LONG)
    print(f"opened in {short_opened:.2f} and {long_opened:.2f} s, a tick {short_tick:.3f} and {long_tick:.3f} s")
    assert long_opened < 1.5 * short_opened
    assert long_tick < 3 * short_tick
