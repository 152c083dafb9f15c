"""The history on the command line: figures, a run's record, log, curves, name and note, adapter, deletion."""

import io
import zipfile
from pathlib import Path

import pandas as pd
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.cli.main import main
from finsent.runs.history import read_comparison
from finsent.runs.origin import Origin
from finsent.runs.store import create_run, list_runs, update_run
from tests.stub_worker import write_point


def test_runs_have_their_figures(run_json, judged):
    only = run_json("runs")[0]
    assert only["run"] == judged.id
    assert only["n"] == 100
    assert 0 <= only["accuracy_before"] <= only["accuracy_after"] <= 1
    assert (only["seed"], only["changed"]) == (judged.recipe.seed, "")


def test_the_list_of_runs_shows_results_and_what_was_changed(judged, capsys):
    update_run(judged.folder, recipe=judged.recipe.model_copy(update={"learning_rate": 3e-4}), splits={"train": 40})
    assert main(["runs"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "run",
        "name",
        "state",
        "accuracy",
        "neutral",
        "as",
        "positive",
        "n",
        "rows",
        "seed",
        "changed",
        "date",
    ]
    figures = read_comparison(judged)
    before, after, interval = figures.baseline.accuracy, figures.tuned.accuracy, figures.tuned.accuracy_ci
    assert f"{before:.1%} → {after:.1%} ({interval.low:.1%} to {interval.high:.1%})" in line
    assert "learning rate 0.0003" in line
    assert f"{judged.created.astimezone():%Y-%m-%d}" in line


def test_a_run_is_shown_whole(run_json, judged, capsys):
    shown = run_json("show", "latest")
    assert shown["recipe"]["learning_rate"] == 5e-4
    assert shown["facts"]["data"] == "Made for tests"
    assert shown["folder_bytes"] > 1000
    # A run that failed long ago is no failure of the command that shows it.
    assert main(["show", judged.id]) == 0
    assert "learning_rate" in capsys.readouterr().out


def test_a_run_is_shown_with_its_warning(judged, capsys):
    update_run(judged.folder, warning="This run learned nothing.")
    assert main(["show", "latest"]) == 0
    assert "\n\nThis run learned nothing.\n\n" in capsys.readouterr().out


def test_a_run_is_shown_with_the_runs_that_it_continues(run_json, judged, runs_dir, capsys):
    assert run_json("show", judged.id)["chain"] == [judged.id]
    child = create_run(judged.recipe, runs_dir, "child")
    update_run(child.folder, state="stopped", origin=Origin(parent=judged.id))
    assert run_json("show", "child")["chain"] == [judged.id, child.id]
    update_run(child.folder, origin=Origin(parent="20260101-000000-abcdef"))
    assert main(["show", "child"]) == 0
    assert "Continued: run 20260101-000000-abcdef, removed → child\n" in capsys.readouterr().out


def test_a_run_is_described(run_json, refused, judged, runs_dir):
    assert run_json("describe", "latest", "--name", "slow", "--note", "a note")["name"] == "slow"
    assert run_json("describe", "slow", "--note", "")["note"] == ""
    assert list_runs(runs_dir)[0].name == "slow"
    assert "nothing to change" in refused("describe", "latest")


def test_log_and_curves(run_json, refused, judged, tmp_path):
    judged.log_file.write_text("one\ntwo\nthree\n")
    assert run_json("log", "latest", "--lines", "2")["log"] == ["two", "three"]
    assert run_json("curves", "latest") == []
    writer = EventFileWriter(str(judged.tensorboard_dir))
    for step in (1, 2):
        write_point(writer, step, train__loss=1.0 / step, eval__neutral_as_positive=0.5)
    points = run_json("curves", "latest", "--tag", "train/loss", "--csv", str(tmp_path / "points.csv"))
    assert [(point["step"], point["value"]) for point in points] == [(1, 1.0), (2, 0.5)]
    assert len(pd.read_csv(tmp_path / "points.csv")) == 2
    neutral = run_json("curves", "latest", "--neutral")
    assert [point["step"] for point in neutral] == [0, 1, 2]
    assert all(point["low"] <= point["value"] <= point["high"] and point["n"] for point in neutral)
    assert "train/loss" in refused("curves", "latest", "--tag", "train/los")
    assert "1 or more" in refused("log", "latest", "--lines", "0")


def test_the_adapter_is_a_zip_file(run_json, refused, judged, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no adapter" in refused("adapter", "latest")
    judged.adapter_dir.mkdir()
    (judged.adapter_dir / "adapter_model.safetensors").write_bytes(b"weights")
    made = run_json("adapter", "latest")
    content = Path(made["file"]).read_bytes()
    beside = {"adapter/finsent.json", "adapter/README.md", "adapter/predict.py"}
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert set(names) == {"adapter/adapter_model.safetensors"} | beside
    assert "cannot be written" in refused("adapter", "latest", "--out", str(tmp_path / "no" / "such" / "a.zip"))


def test_a_run_is_deleted_by_what_finds_it(run_json, judged, runs_dir):
    assert run_json("delete", judged.name) == {"run": judged.id, "deleted": True}
    assert list_runs(runs_dir) == []


def test_a_damaged_run_is_listed_shown_and_deleted(run_json, refused, judged, runs_dir, capsys):
    damaged = runs_dir / "20260101-000000-abcdef"
    damaged.mkdir()
    (damaged / "run.json").write_text("{ half")
    (damaged / "worker.log").write_text("one\ntwo\n")
    sound, broken = run_json("runs")
    assert sound["run"] == judged.id
    assert (broken["run"], broken["state"]) == (damaged.name, "damaged")
    assert "run.json is damaged" in broken["error"]
    assert main(["runs"]) == 0
    assert "1 not readable:" in capsys.readouterr().out
    shown = run_json("show", "20260101")
    assert (shown["state"], shown["files"]) == ("damaged", {"run.json": 6, "worker.log": 8})
    assert run_json("log", damaged.name)["log"] == ["one", "two"]
    assert "run.json is damaged" in refused("evaluate", damaged.name)
    assert run_json("delete", damaged.name)["deleted"]
    assert [run["run"] for run in run_json("runs")] == [judged.id]
