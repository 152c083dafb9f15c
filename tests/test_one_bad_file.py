"""Each file of a finished run is damaged in each way: whoever reads it says so, and nobody else notices."""

import contextlib
import functools
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.cli import main as command_line
from finsent.errors import FinsentError
from finsent.evaluation.in_proportion import run_tables
from finsent.evaluation.neutral_errors import run_items
from finsent.evaluation.repair import repair_pool
from finsent.inference.predictions import save_predictions
from finsent.runs.annotations import annotate, read_annotations
from finsent.runs.baselines import read_shared, shared_file
from finsent.runs.curves import neutral_called_positive, read_curves
from finsent.runs.damage import damaged_files
from finsent.runs.evaluated_sets import judged_sets, save_judged, saved_pair
from finsent.runs.history import folder_files, history_table, read_comparison
from finsent.runs.store import Run, all_runs, update_run
from tests.damage import DAMAGES, OF_JSON, replace_tree
from tests.predictions import made_pair, made_run

KEY = "0123456789ab"
#: The commands that read a file, besides those that read everything.
ANSWERS = (
    "answers RUN",
    "compare RUN",
    "neutral RUN",
    "words RUN",
    "repair RUN",
    "threshold RUN",
    "curves RUN --neutral",
)
JUDGED = (f"answers RUN --on {KEY}", "answers RUN --on posts")
READERS = {
    "run.json": (*ANSWERS, *JUDGED, "log RUN", "describe RUN --note x", "adapter RUN", "annotations RUN", "watch RUN",
                 "stop RUN", "evaluate RUN", "report RUN", "prior RUN", "calibration RUN", "written RUN"),
    "predictions/baseline.parquet": ANSWERS,
    "predictions/tuned.parquet": ("answers RUN", "neutral RUN"),
    "predictions/training_rows.parquet": ("repair RUN", "neutral RUN --item ROW"),
    f"predictions/on-{KEY}/baseline.parquet": JUDGED,
    f"predictions/on-{KEY}/tuned.parquet": JUDGED[:1],
    f"predictions/on-{KEY}/about.json": JUDGED,
    "evaluation.json": ("runs", "lab"),
    "annotations.json": ("annotations RUN", "neutral RUN", "annotate RUN ROW --tag doubtful"),
    "tensorboard/events.out.tfevents.1": ("curves RUN",),
    "adapter/adapter_config.json": ("adapter RUN",),
    "adapter/finsent.json": ("adapter RUN",),
    "adapter/adapter_model.safetensors": ("adapter RUN",),
    "worker.log": ("log RUN",),
}  # fmt: skip
EVERYWHERE = ("runs", "show RUN")
#: Made once for some thousands of commands; none of them takes what depends on the moment from it.
PARSER = functools.cache(command_line.build_parser)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with one run that has every file that a run may have, and with another run."""
    runs_dir = tmp_path_factory.mktemp("whole")
    before, after = made_pair(60, validation=30)
    training = before.head(20)[["row_id", "text", "label", "answers"]].assign(row_id=[f"t{n}" for n in range(20)])
    run = made_run(runs_dir, before, after, training, name="spoilt")
    other = made_run(runs_dir, *made_pair(50, seed=1), name="other")
    save_judged(run, "posts", KEY, *made_pair(20, seed=2))
    annotate(run, before["row_id"].iloc[-1], ["doubtful"], "a note")
    run.log_file.write_text("what the worker said\n")
    writer = EventFileWriter(str(run.folder / "tensorboard"))
    for step in range(1, 4):
        value = Summary.Value(tag="train/loss", simple_value=1.0)
        writer.add_event(Event(wall_time=1000.0 + step, step=step, summary=Summary(value=[value])))
    writer.close()
    (written,) = run.tensorboard_dir.iterdir()
    written.rename(written.with_name("events.out.tfevents.1"))
    run.adapter_dir.mkdir()
    save_file({"a": np.zeros(4, dtype=np.float32)}, run.adapter_dir / "adapter_model.safetensors")
    (run.adapter_dir / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')
    (run.adapter_dir / "finsent.json").write_text('{"base_model_hash": "0"}')
    update_run(run.folder, baseline_key="ab")
    (runs_dir / ".baseline").mkdir()
    save_predictions(before, shared_file(runs_dir, "ab"))
    neutral = before[(before["label"] == "neutral") & (before["split"] == "test")]
    return runs_dir, run.id, other.id, neutral["row_id"].iloc[0]


@pytest.fixture
def spoilt(whole, tmp_path, monkeypatch):
    """Return a function that gives a fresh copy of the folder of runs, with the ids of both runs and a row."""
    runs_dir, *names = whole
    monkeypatch.setenv("FINSENT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line, "build_parser", PARSER)
    return lambda: (replace_tree(runs_dir, tmp_path / "runs"), *names)


def content_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        digest.update(file.name.encode() + (file.read_bytes() if file.is_file() else b""))
    return digest.hexdigest()


def ask(words: str, runs_dir: Path) -> tuple[int, str]:
    """Carry out a command; return its code and its text. What it does not catch fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = command_line.main([*words.split(), "--json", "--runs-dir", str(runs_dir)])
        except SystemExit as ended:
            code = ended.code
    text = out.getvalue() + err.getvalue()
    assert "Traceback" not in text
    if code == 2:
        assert out.getvalue() == "" and len(err.getvalue().strip().splitlines()) == 1, text
    else:
        json.loads(out.getvalue().strip().splitlines()[-1])
    return code, text


def read_everything(run: Run) -> None:
    """Let each reader of the library read a run; only errors that are worth showing may come out."""
    for read in (
        lambda: damaged_files(run),
        lambda: read_curves(run.folder),
        lambda: folder_files(run),
        lambda: history_table([run]),
        lambda: judged_sets(run),
    ):
        # What shows a run among others must always answer.
        read()
    for read in (
        lambda: neutral_called_positive(run, read_curves(run.folder)),
        lambda: run_items(run),
        lambda: repair_pool(run, with_validation=True),
        lambda: run_tables(run),
        lambda: saved_pair(run, KEY),
        lambda: read_comparison(run),
        lambda: read_annotations(run),
    ):
        with contextlib.suppress(FinsentError):
            read()


def check(file: str, spoil, copy) -> list[str]:
    """Damage one file and visit everybody; return what they said of it."""
    runs_dir, ident, other, row = copy
    before = content_of(runs_dir / other)
    spoil(runs_dir / ident / file)
    readable, damaged = all_runs(runs_dir)
    assert {run.id for run in readable} >= {other}
    assert {one.id for one in [*readable, *damaged]} == {ident, other}
    said = [problem.problem for problem in damaged]
    # The other run's own files are what they were.
    for run in readable:
        if run.id == ident:
            read_everything(run)
    for words in (*EVERYWHERE, *READERS[file]):
        code, text = ask(words.replace("RUN", ident).replace("OTHER", other).replace("ROW", row), runs_dir)
        assert code == 0 or words not in EVERYWHERE, (words, text)
        said.append(text)
    assert content_of(runs_dir / other) == before
    code, text = ask(f"delete {ident}", runs_dir)
    assert code == 0, text
    assert not (runs_dir / ident).exists()
    assert content_of(runs_dir / other) == before
    return said


def test_the_whole_run_is_sound_and_every_command_answers(spoilt):
    for file in READERS:
        runs_dir, ident, other, row = spoilt()
        for words in (*EVERYWHERE, *READERS[file]):
            code, text = ask(words.replace("RUN", ident).replace("OTHER", other).replace("ROW", row), runs_dir)
            assert code == 0 or words in ("stop RUN", "watch RUN", "written RUN"), (words, text)
    (run,) = [run for run in all_runs(spoilt()[0])[0] if run.id == ident]
    assert damaged_files(run) == []


@pytest.mark.security(
    "each file of a run damaged in one way", "no traceback; the other runs untouched; the damaged one shown and deleted"
)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_hurts_its_run_alone(damage, spoilt):
    for file in READERS:
        if damage in OF_JSON and not file.endswith(".json"):
            continue
        try:
            check(file, DAMAGES[damage], spoilt())
        except Exception as error:
            raise AssertionError(f"{file}, {damage}") from error


@pytest.mark.security("a file of another run put in place of a run's own", "said, and never shown as this run's")
@pytest.mark.parametrize("file", ["predictions/baseline.parquet", "predictions/tuned.parquet", "run.json"])
def test_a_file_of_another_run_is_not_taken_for_this_ones(file, spoilt):
    runs_dir, ident, other, row = spoilt()
    content = (runs_dir / other / file).read_bytes()
    said = check(file, lambda path: path.write_bytes(content), (runs_dir, ident, other, row))
    assert any("judged on different rows" in words or "holds the record of run" in words for words in said)


@pytest.mark.security("files that may not be read", "named, with what the system says")
@pytest.mark.parametrize("file", READERS)
def test_a_file_that_may_not_be_read_hurts_its_run_alone(file, spoilt, monkeypatch):
    def forbid(path: Path) -> None:
        opened = Path.open

        def refuse(self, *args, **more):
            if self == path:
                raise PermissionError(13, "Permission denied", str(self))
            return opened(self, *args, **more)

        monkeypatch.setattr(Path, "open", refuse)

    said = check(file, forbid, spoilt())
    if file not in ("worker.log", f"predictions/on-{KEY}/about.json"):
        assert "ermission denied" in " ".join(said)


@pytest.mark.security("a shared baseline damaged in one way", "not used, and made anew")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shared_baseline_is_not_used(damage, spoilt):
    runs_dir, ident, *_ = spoilt()
    file = shared_file(runs_dir, "ab")
    rows = made_pair(60, validation=30)[0]
    assert read_shared(file, rows)[0] is not None
    DAMAGES[damage](file)
    found, problem = read_shared(file, rows)
    assert found is None and problem
