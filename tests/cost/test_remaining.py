"""The one figure of remaining time: from the estimate on, corrected by what is measured, put off only with a reason."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from finsent.cost import remaining, rivals
from finsent.cost.estimate import Estimate
from finsent.cost.pace import Pace, measured_pace, stages_left
from finsent.cost.remaining import Clock, ends_in_turn, outlook_in_words
from finsent.cost.speed import Speed
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.store import Progress, RunState, create_run

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPLITS = {"train": 800, "validation": 60, "test": 60}
#: 100 steps of a second with an evaluation of three after 34, 68 and 100, 120 rows scored twice, 10 s of preparation.
SPEED = Speed(basis="a test", preparing=10, train_row=1 / 8, score_row=0.1, validation_row=0.05)
WHOLE = 10 + 12 + 109 + 12
CHECKS = (34, 68, 100)


class Made:
    """A run that goes on as a test wants: ``slow`` is how much longer than estimated all of it takes."""

    def __init__(self, runs_dir, slow=1.0, from_step=0):
        self.run = create_run(change_recipe(get_recipe("quick"), {"logging_steps": 1}), runs_dir)
        self.slow, self.from_step = slow, from_step
        self.times = [0.0]
        for step in range(1, 101):
            check = 3.0 * (step - 1 in CHECKS)
            self.times.append(self.times[-1] + (slow if step > from_step else 1.0) * (1.0 + check))
        self.ends = 22 + self.times[-1] + (slow * 15)

    def at(self, second):
        """The run as its record has it at a second."""
        parts = {"started": START, "estimated_seconds": float(WHOLE), "entered": {RunState.PREPARING: START}}
        parts |= {"state": RunState.PREPARING, "splits": SPLITS if second > 5 else {}, "folder": self.run.folder}
        if second >= 10:
            rows = min(120, int((second - 10) / 0.1))
            parts |= {"state": RunState.BASELINE, "progress": Progress(done=rows, total=120, unit="rows")}
            parts["entered"] = parts["entered"] | {RunState.BASELINE: START + timedelta(seconds=10)}
        if second >= 22:
            steps = sum(1 for end in self.times[1:] if 22 + end <= second)
            parts |= {
                "state": RunState.TRAINING,
                "progress": Progress(done=steps, total=100, unit="steps"),
                "steps": steps,
            }
            parts["entered"] = parts["entered"] | {RunState.TRAINING: START + timedelta(seconds=22)}
        over = 22 + self.times[-1] + 3 * self.slow
        if second >= over:
            rows = min(120, int((second - over) / (0.1 * self.slow)))
            parts |= {"state": RunState.EVALUATING, "progress": Progress(done=rows, total=120, unit="rows")}
            parts["entered"] = parts["entered"] | {RunState.EVALUATING: START + timedelta(seconds=over)}
        return self.run.model_copy(update=parts)

    def curves(self, second):
        points = [("train/loss", step, 22 + end) for step, end in enumerate(self.times) if step]
        points += [("eval/loss", step, 22 + self.times[step] + 3 * self.slow) for step in CHECKS]
        seen = [(tag, step, START.timestamp() + at, 1.0) for tag, step, at in points if at <= second]
        return pd.DataFrame(seen, columns=["tag", "step", "wall_time", "value"])


def told(made, monkeypatch, every=2.0):
    """What a clock says while a run goes on: (second, outlook) each two seconds."""
    pace = Estimate(seconds=WHOLE, steps=100, speed=SPEED)
    monkeypatch.setattr(remaining, "estimate_run", lambda *_: pace)
    now = [0.0]
    clock = Clock(lambda: made.curves(now[0]))
    said = []
    while now[0] < made.ends:
        said.append((now[0], clock.tell(made.at(now[0]), START + timedelta(seconds=now[0]))))
        now[0] += every
    return said


def test_a_run_as_estimated_counts_down_from_its_launch_to_its_end(runs_dir, monkeypatch):
    said = told(Made(runs_dir), monkeypatch)
    left = [outlook.seconds for _, outlook in said]
    assert left[0] == WHOLE
    assert all(later <= before for before, later in zip(left, left[1:], strict=False))
    assert all(abs(second + outlook.seconds - WHOLE) <= 0.1 * WHOLE for second, outlook in said)
    assert {outlook.reason for _, outlook in said} == {""}


@pytest.mark.parametrize(("slow", "from_step"), [(2.0, 0), (3.0, 50)])
def test_a_slower_run_is_put_off_with_a_reason_and_the_figure_holds(runs_dir, monkeypatch, slow, from_step):
    made = Made(runs_dir, slow, from_step)
    said = told(made, monkeypatch)
    for (_, before), (_, later) in zip(said, said[1:], strict=False):
        assert later.seconds <= before.seconds or later.reason
    reasons = {outlook.reason for _, outlook in said} - {""}
    assert reasons and all("later than said before: a step takes" in reason for reason in reasons if "step" in reason)
    second, outlook = said[len(said) * 3 // 4]
    assert abs(second + outlook.seconds - made.ends) <= 0.15 * made.ends


def test_a_faster_run_ends_sooner_without_a_word(runs_dir, monkeypatch):
    made = Made(runs_dir, 0.5)
    said = told(made, monkeypatch)
    assert {outlook.reason for _, outlook in said} == {""}
    second, outlook = said[len(said) // 2]
    assert second + outlook.seconds == pytest.approx(made.ends, rel=0.15)


def test_stages_follow_one_another_and_add_up(runs_dir, monkeypatch):
    outlook = dict(told(Made(runs_dir), monkeypatch))[12.0]
    assert list(outlook.stages) == [RunState.BASELINE, RunState.TRAINING, RunState.EVALUATING]
    assert outlook.stages == pytest.approx({"baseline": 10, "training": 109, "evaluating": 12}, rel=0.1)
    assert 0 < outlook.share(Made(runs_dir).at(12)) < 1


def test_a_machine_that_measured_nothing_says_so_until_it_has_scored(runs_dir, monkeypatch):
    monkeypatch.setattr(remaining, "estimate_run", lambda *_: None)
    made = Made(runs_dir)
    clock = Clock(lambda: made.curves(12))
    first = clock.tell(made.at(6).model_copy(update={"estimated_seconds": None}), START + timedelta(seconds=6))
    assert first.ends is None and outlook_in_words(first) == ""
    scored = clock.tell(made.at(16), START + timedelta(seconds=16))
    assert scored.rough and "roughly" in outlook_in_words(scored, UTC)


def test_a_resumed_run_does_not_count_what_an_earlier_worker_did(runs_dir):
    made = Made(runs_dir)
    run = made.at(60).model_copy(update={"entered": {RunState.TRAINING: START + timedelta(seconds=40)}})
    pace = measured_pace(run, made.curves(60), Pace(10, 0.1, 5.0, 3.0), START + timedelta(seconds=60))
    assert 1.0 <= pace.step < 1.5
    left = stages_left(run, made.curves(60), pace, START + timedelta(seconds=60))
    assert left[RunState.TRAINING] == pytest.approx((100 - run.steps) * pace.step + 2 * pace.evaluation)


def test_a_run_that_waits_or_has_ended_has_no_outlook(runs_dir):
    made = Made(runs_dir)
    assert Clock().tell(made.run) is None
    assert Clock().tell(made.at(30).model_copy(update={"state": RunState.DONE})) is None


def test_runs_in_the_queue_end_one_after_another(runs_dir):
    runs = [Made(runs_dir).run.model_copy(update={"estimated_seconds": seconds}) for seconds in (60.0, None, 30.0)]
    assert ends_in_turn(START, runs) == [START + timedelta(seconds=60), None, None]
    assert ends_in_turn(None, runs[:1]) == [None]


def test_another_process_at_work_is_the_reason(runs_dir, monkeypatch):
    monkeypatch.setattr(rivals, "_BETWEEN_LOOKS", 0.0)
    idle = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        run = Made(runs_dir).run.model_copy(update={"pid": idle.pid})
        watch = rivals.Rivals()
        watch.look(run)
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            pass
        watch.look(run)
        assert "other processes keep" in watch.words(run)
    finally:
        idle.kill()
        idle.wait()


def test_cores_that_were_taken_are_the_reason(runs_dir, two_cores):
    own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        run = Made(runs_dir).run.model_copy(update={"pid": own.pid, "hardware": {"cores": 64}})
        assert rivals.Rivals().words(run) == "it may use 2 of the 64 cores that it began with"
    finally:
        own.kill()
        own.wait()
