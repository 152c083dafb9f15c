"""The command map: places by words or by a model's states, with a run's answers."""

import pandas as pd
import pytest

from finsent.data.dataset import load_data, split_rows
from finsent.evaluation.text_states import model_reading, states_file
from finsent.runs.store import update_run
from tests.predictions import answered, made_run, twelve


@pytest.fixture
def run(small_csv, runs_dir):
    """A run that judged the test rows of the small file."""
    data = load_data(str(small_csv))
    rows = split_rows(data.rows)
    judged = rows[rows["split"] == "test"]
    run = made_run(runs_dir, answered(judged, "positive"), answered(judged, "neutral"))
    return update_run(run.folder, source_hash=data.fingerprint)


def test_texts_are_placed_by_words_with_a_runs_answers(run_json, small_csv, run, tmp_path):
    table = run_json("map", "--source", str(small_csv), "--run", run.id, "--csv", str(tmp_path / "map.csv"))
    assert len(table) == 120 and all(isinstance(row["x"], float) for row in table)
    assert {row["tuned"] for row in table if row["split"] == "test"} == {"neutral"}
    assert {row["transition"] for row in table if row["split"] == "train"} == {""}
    written = pd.read_csv(tmp_path / "map.csv", dtype={"row_id": str})
    assert written["row_id"].tolist() == [row["row_id"] for row in table]
    assert "prompt" not in written


def test_a_run_on_other_rows_is_refused(refused, small_csv, runs_dir):
    run = made_run(runs_dir, *twelve())
    said = refused("map", "--source", str(small_csv), "--run", run.id)
    assert "was not judged on rows of these data" in said


def test_texts_are_placed_by_a_models_states_which_are_computed_once(run_json, capsys, small_csv, tiny_llama, runs_dir):
    given = ("map", "--source", str(small_csv), "--model", str(tiny_llama))
    first = run_json(*given)
    _, reading = model_reading(load_data(str(small_csv)).rows, str(tiny_llama))
    file = states_file(reading, runs_dir)
    written = file.stat().st_mtime_ns
    assert run_json(*given) == first and file.stat().st_mtime_ns == written
    file.write_bytes(b"damaged")
    assert run_json(*given) == first
    assert file.stat().st_mtime_ns != written
