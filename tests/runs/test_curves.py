"""Curves: the points that TensorBoard reads, each once, while the files grow."""

import threading

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.inference.predictions import save_predictions
from finsent.recipe import get_recipe
from finsent.runs.curves import CURVE_COLUMNS, CurveReader, curve, neutral_called_positive, read_curves
from finsent.runs.store import create_run
from tests.predictions import made_predictions


def point(tag, step, value):
    return Event(
        wall_time=1000.0 + step, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    )


@pytest.fixture
def writer(tmp_path):
    """Writes into the first event file of a run in ``tmp_path``, flushed at each point."""
    writer = EventFileWriter(str(tmp_path / "tensorboard"))
    yield lambda tag, step, value: (writer.add_event(point(tag, step, value)), writer.flush())
    writer.close()


def test_no_folder_and_no_points_give_an_empty_table(tmp_path):
    assert list(read_curves(tmp_path).columns) == list(CURVE_COLUMNS)
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events.out.tfevents.1.host").touch()
    assert read_curves(tmp_path).empty


def test_the_points_are_those_that_tensorboard_reads(tmp_path, writer):
    for step in range(1, 200):
        writer("train/loss", step, 1 / step)
        writer("eval/loss", step, 2 / step)
    accumulator = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    curves = read_curves(tmp_path)
    for tag in ("train/loss", "eval/loss"):
        expected = [(event.step, event.wall_time, event.value) for event in accumulator.Scalars(tag)]
        found = curve(curves, tag)[["step", "wall_time", "value"]]
        assert [tuple(row) for row in found.itertuples(index=False)] == expected


def test_a_refresh_adds_what_is_new_and_returns_the_same_table_otherwise(tmp_path, writer):
    reader = CurveReader(tmp_path)
    writer("train/loss", 1, 0.5)
    first = reader.refresh()
    assert reader.refresh() is first
    writer("train/loss", 2, 0.25)
    assert reader.refresh()["value"].tolist() == [0.5, 0.25]


def test_half_a_record_is_read_once_it_is_whole(tmp_path, writer):
    writer("train/loss", 1, 0.5)
    writer("train/loss", 2, 0.25)
    (file,) = (tmp_path / "tensorboard").iterdir()
    whole = file.read_bytes()
    copy = tmp_path / "copy"
    (copy / "tensorboard").mkdir(parents=True)
    target = copy / "tensorboard" / file.name
    reader = CurveReader(copy)
    steps_seen = []
    for end in range(len(whole) + 1):
        target.write_bytes(whole[:end])
        steps_seen.append(reader.refresh()["step"].tolist())
    assert steps_seen[0] == [] and steps_seen[-1] == [1, 2]
    assert [1] in steps_seen


def test_texts_and_histograms_are_no_points(tmp_path, writer):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "tensorboard")) as summary:
        summary.add_text("args", "{}")
    writer("train/loss", 1, 0.5)
    assert read_curves(tmp_path)["tag"].tolist() == ["train/loss"]


def test_a_resumed_run_counts_the_later_file_for_repeated_steps(tmp_path):
    folder = tmp_path / "tensorboard"
    folder.mkdir()
    for name, points in {"1.a": [(1, 0.9), (2, 0.8), (3, 0.7)], "2.a": [(2, 0.6), (4, 0.5)]}.items():
        writer = EventFileWriter(str(tmp_path / name))
        for step, value in points:
            writer.add_event(point("train/loss", step, value))
        writer.close()
        (file,) = (tmp_path / name).iterdir()
        file.rename(folder / f"events.out.tfevents.{name}")
    curves = read_curves(tmp_path)
    assert curves["step"].tolist() == [1, 2, 3, 4]
    assert curves["value"].tolist() == pytest.approx([0.9, 0.6, 0.7, 0.5])


def test_threads_that_share_a_reader_see_each_point_once(tmp_path, writer):
    for step in range(1, 300):
        writer("train/loss", step, 1.0)
    reader = CurveReader(tmp_path)
    tables = []
    threads = [threading.Thread(target=lambda: tables.append(reader.refresh())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(table) for table in tables] == [299] * 8


def test_neutral_called_positive_starts_at_the_baseline_and_has_wilson_intervals(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    curves = pd.DataFrame({"tag": ["eval/neutral_as_positive"], "step": [10], "wall_time": [0.0], "value": [0.25]})
    assert neutral_called_positive(run, curves).empty
    rows = made_predictions(
        ["neutral"] * 8 + ["positive"] * 3 + ["neutral"],
        ["positive"] * 5 + ["bullish", "neutral", "invalid"] + ["positive"] * 4,
    ).assign(split=["validation"] * 11 + ["test"])
    save_predictions(rows, run.predictions_file("baseline"))
    table = neutral_called_positive(run, curves)
    assert table["step"].tolist() == [0, 10]
    assert table["value"].tolist() == [6 / 8, 0.25]
    assert table["n"].tolist() == [8, 8]
    assert (table["low"][1], table["high"][1]) == pytest.approx(proportion_confint(2, 8, method="wilson"))
