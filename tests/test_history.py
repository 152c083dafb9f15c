"""History: figures beside their n, records as text, and an adapter that can be taken away."""

import io
import json
import zipfile

import pandas as pd
import pytest

from finsent.errors import AdapterError
from finsent.history import (
    NAME_LENGTH,
    adapter_archive,
    describe_run,
    history_table,
    provenance_table,
    read_comparison,
    settings_table,
)
from finsent.recipes import change_recipe, get_recipe
from finsent.runs import create_run, load_run, update_run

COMPARISON = {
    "n": 132,
    "baseline": {"accuracy": 0.3, "neutral_as_positive": 1.0, "neutral_n": 48},
    "tuned": {"accuracy": 0.85, "neutral_as_positive": 0.0625, "neutral_n": 48},
}


@pytest.fixture
def run(runs_dir):
    return create_run(change_recipe(get_recipe("quick"), {"lora_rank": 16}), runs_dir)


def test_the_history_shows_figures_with_their_n(run):
    run.evaluation_file.write_text(json.dumps(COMPARISON))
    (row,) = history_table([run]).to_dict("records")
    assert (row["n"], row["accuracy before"], row["accuracy after"]) == (132, 0.3, 0.85)
    assert (row["neutral as positive before"], row["neutral as positive after"]) == (1.0, 0.0625)
    assert row["recipe"] == "quick (changed)"


def test_a_run_without_figures_shows_none(run):
    assert read_comparison(run) is None
    (row,) = history_table([run]).to_dict("records")
    assert row["n"] is None and row["accuracy after"] is None


def test_half_a_comparison_is_none(run):
    run.evaluation_file.write_text('{"n": 1')
    assert read_comparison(run) is None


def test_no_runs_give_an_empty_table():
    assert history_table([]).empty


def test_settings_show_the_recipes_value_where_they_differ(run):
    table = settings_table(run).set_index("setting")
    assert table.loc["lora_rank"].tolist() == ["16", "8"]
    assert table.loc["batch_size"].tolist() == ["8", ""]
    assert set(table.index) == set(run.recipe.model_dump())


def test_the_record_holds_hashes_and_versions_as_text(run):
    run = update_run(run.folder, source_hash="ab12", versions={"torch": "2"}, splits={"test": 9}, hardware={"cores": 2})
    facts = provenance_table(run).set_index("fact")["value"]
    assert (facts["data SHA-256"], facts["version of torch"], facts["test rows"], facts["cores"]) == (
        "ab12",
        "2",
        "9",
        "2",
    )
    assert pd.api.types.is_string_dtype(facts)


def test_a_name_is_one_line_and_cut(run, runs_dir):
    describe_run(run, " a\n b " + "x" * 200, " note ")
    again = load_run(runs_dir, run.id)
    assert again.name.startswith("a b ") and len(again.name) == NAME_LENGTH
    assert again.note == "note"


def test_the_adapter_is_a_zip_of_its_folder(run):
    with pytest.raises(AdapterError, match="no adapter"):
        adapter_archive(run)
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"weights")
    (run.adapter_dir / "adapter_config.json").write_text("{}")
    with zipfile.ZipFile(io.BytesIO(adapter_archive(run))) as archive:
        assert archive.namelist() == ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
        assert archive.read("adapter/adapter_model.safetensors") == b"weights"
