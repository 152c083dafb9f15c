"""No page reads anything of the runs twice in one rerun."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.machine import hardware
from finsent.runs import curves
from finsent.runs.store import Run, update_run
from pages.shared import places
from tests.predictions import made_pair, made_run

APP = Path(__file__).parents[2] / "pages" / "app.py"
PAGES = [place for name, place in vars(places).items() if name.isupper() and isinstance(place, str)]


def add_curves(run: Run) -> None:
    """Give a run curves and the times of its stages, so that its speed can be measured."""
    run = update_run(
        run.folder, hardware=hardware(), ended=run.created, splits={"train": 8, "validation": 4, "test": 4}
    )
    states = ("preparing", "baseline", "training", "evaluating")
    update_run(run.folder, entered=dict.fromkeys(states, run.created))
    writer = EventFileWriter(str(run.tensorboard_dir))
    for step in range(1, 6):
        values = [Summary.Value(tag=tag, simple_value=1.0) for tag in ("train/loss", "eval/loss")]
        writer.add_event(Event(wall_time=run.created.timestamp() + step, step=step, summary=Summary(value=values)))
    writer.close()


@pytest.fixture
def runs(runs_dir: Path) -> list[Run]:
    """Two finished runs with predictions, figures and curves."""
    made = [made_run(runs_dir, *made_pair(200, seed=seed, validation=60)) for seed in range(2)]
    for run in made:
        add_curves(run)
    return made


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """What is read of the runs: each record and each table by its name, event files by that of their run."""
    counted: Counter = Counter()
    read_text, refresh, read = Path.read_text, curves.CurveReader.refresh, pd.read_parquet

    def read_record(path, *args, **more):
        if path.name == "run.json":
            counted[f"record of {path.parent.name}"] += 1
        return read_text(path, *args, **more)

    def read_events(reader):
        counted[f"curves of {reader._folder.parent.name}"] += 1
        return refresh(reader)

    def read_table(path, *args, **more):
        counted[f"table {path}"] += 1
        return read(path, *args, **more)

    monkeypatch.setattr(Path, "read_text", read_record)
    monkeypatch.setattr(curves.CurveReader, "refresh", read_events)
    monkeypatch.setattr(pd, "read_parquet", read_table)
    return counted


@pytest.mark.parametrize("place", PAGES)
def test_a_rerun_reads_each_run_once(place: str, runs: list[Run], readings: Counter):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    app.switch_page(place).run()
    readings.clear()
    app.run()
    assert not app.exception
    assert {f"record of {run.id}" for run in runs} <= set(readings)
    assert {name: count for name, count in readings.items() if count > 1} == {}


@pytest.mark.parametrize("place", [places.TRAIN, places.COMPARE, places.NEUTRAL, places.RUNS])
def test_a_run_that_the_address_names_is_read_with_the_others(place: str, runs: list[Run], readings: Counter):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    app.switch_page(place)
    app.query_params["run"] = runs[0].id
    app.run()
    readings.clear()
    app.run()
    assert not app.exception
    assert {name: count for name, count in readings.items() if count > 1} == {}


def test_the_speed_of_a_finished_run_is_measured_once(runs: list[Run], readings: Counter):
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    app.switch_page(places.TRAIN).run()
    assert any("measured on this machine" in element.value for element in app.caption)
    readings.clear()
    app.run()
    assert not [name for name in readings if name.startswith("curves")]
