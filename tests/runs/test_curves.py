"""Curves: the points that TensorBoard reads, each once, while the files grow."""

import threading

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.inference.predictions import load_predictions, save_predictions
from finsent.recipe import get_recipe
from finsent.runs.beginning import content_hash
from finsent.runs.curves import CURVE_COLUMNS, CurveReader, curve, neutral_called_positive, read_curves
from finsent.runs.deletion import delete_run
from finsent.runs.first_answers import first_answers
from finsent.runs.origin import Origin
from finsent.runs.store import create_run, load_run, update_run
from tests.predictions import made_predictions, made_run


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
    assert table["of"].tolist() == ["the baseline", "this run"]
    assert table["value"].tolist() == [6 / 8, 0.25]
    assert table["n"].tolist() == [8, 8]
    assert (table["low"][1], table["high"][1]) == pytest.approx(proportion_confint(2, 8, method="wilson"))


@pytest.fixture
def child(runs_dir):
    """A run that has just scored its baseline, and continues one that was judged on the same rows."""
    gold, all_positive = ["neutral"] * 8 + ["positive"] * 2, ["positive"] * 10
    baseline = made_predictions(gold, all_positive).assign(split=["validation"] * 8 + ["test"] * 2)
    tuned = made_predictions(gold, ["neutral"] * 6 + ["positive"] * 4).assign(split=baseline["split"])
    parent = made_run(runs_dir, baseline, tuned)
    parent.adapter_dir.mkdir()
    (parent.adapter_dir / "adapter_model.safetensors").write_bytes(b"weights")
    run = create_run(get_recipe("quick"), runs_dir)
    save_predictions(baseline, run.predictions_file("baseline"))
    return update_run(run.folder, origin=Origin(parent=parent.id, adapter_sha256=content_hash(b"weights")))


def test_a_continued_run_starts_at_the_run_that_it_continues(child):
    table = neutral_called_positive(child, read_curves(child.folder))
    assert table[["step", "value", "n", "of"]].values.tolist() == [[0, 2 / 8, 8, "its parent"]]
    first = first_answers(child)
    assert first.whose == "its parent"
    # Labels are those of the run: they may have been corrected since.
    changed = first.rows.assign(label=["positive", *first.rows["label"][1:]])
    save_predictions(changed, child.predictions_file("baseline"))
    assert neutral_called_positive(child, read_curves(child.folder))["n"].tolist() == [7]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda parent: delete_run(parent.folder.parent, parent.id),
        lambda parent: parent.predictions_file("tuned").unlink(),
        lambda parent: (parent.adapter_dir / "adapter_model.safetensors").write_bytes(b"other weights"),
        lambda parent: save_predictions(
            load_predictions(parent.predictions_file("tuned")).iloc[1:], parent.predictions_file("tuned")
        ),
    ],
    ids=["deleted", "not judged", "trained on since", "judged on other rows"],
)
def test_where_the_parents_answers_are_not_known_there_is_no_step_0(child, spoil):
    spoil(load_run(child.folder.parent, child.parent))
    assert first_answers(child).answers is None
    assert neutral_called_positive(child, read_curves(child.folder)).empty
    logged = pd.DataFrame({"tag": ["eval/neutral_as_positive"], "step": [3], "wall_time": [0.0], "value": [0.25]})
    table = neutral_called_positive(child, logged)
    assert table[["step", "value", "n", "of"]].values.tolist() == [[3, 0.25, 8, "this run"]]
