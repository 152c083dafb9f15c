"""History: figures beside their n, records as text, and an adapter that can be taken away."""

import io
import json
import zipfile
from dataclasses import replace

import pandas as pd
import pytest

from finsent.errors import AdapterError, FiguresFormatError
from finsent.metrics.classification import compare_predictions
from finsent.metrics.figures_json import to_json
from finsent.recipe import change_recipe, get_recipe
from finsent.report.export import export_archive
from finsent.runs.history import (
    NAME_LENGTH,
    describe_run,
    history_table,
    provenance_table,
    read_comparison,
    save_comparison,
    settings_table,
)
from finsent.runs.store import create_run, load_run, update_run
from tests.predictions import made_pair

MADE = compare_predictions(*made_pair(132))
COMPARISON = replace(
    MADE,
    baseline=replace(MADE.baseline, accuracy=0.3, neutral_as_positive=1.0, neutral_n=48),
    tuned=replace(MADE.tuned, accuracy=0.85, neutral_as_positive=0.0625, neutral_n=48),
)


@pytest.fixture
def run(runs_dir):
    return create_run(change_recipe(get_recipe("quick"), {"lora_rank": 16}), runs_dir)


def test_the_history_shows_figures_with_their_n(run):
    save_comparison(run, COMPARISON)
    assert read_comparison(run) == COMPARISON
    (row,) = history_table([run]).to_dict("records")
    assert (row["n"], row["accuracy before"], row["accuracy after"]) == (132, 0.3, 0.85)
    assert (row["neutral as positive before"], row["neutral as positive after"]) == (1.0, 0.0625)
    assert (row["name"], row["changed"]) == ("quick · lab headlines · LoRA rank 16", "LoRA rank 16")
    assert (row["seed"], row["learning rate"]) == (42, 5e-4)


def test_a_run_without_figures_shows_none(run):
    assert read_comparison(run) is None
    (row,) = history_table([run]).to_dict("records")
    assert row["n"] is None and row["accuracy after"] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values | {"looks": 3}, "looks: unexpected keyword argument"),
        (lambda values: {key: value for key, value in values.items() if key != "mcnemar"}, "mcnemar: field required"),
        (lambda values: values | {"tuned": values["tuned"] | {"kappa": "high"}}, "tuned.kappa: input should be a"),
        (lambda values: values | {"accuracy_difference": [0.1]}, "accuracy_difference: input should be a dictionary"),
        (lambda values: [values], "the whole: input should be a dictionary"),
    ],
)
def test_figures_of_another_form_are_named_and_hide_no_run(run, change, said):
    run.evaluation_file.write_text(json.dumps(change(to_json(COMPARISON))))
    with pytest.raises(FiguresFormatError, match=said) as raised:
        read_comparison(run)
    assert str(run.evaluation_file) in str(raised.value) and "Evaluate the run again" in str(raised.value)
    (row,) = history_table([run]).to_dict("records")
    assert row["n"] is None and row["note"] == str(raised.value)


def test_half_a_comparison_is_no_comparison_and_hides_no_run(run):
    run.evaluation_file.write_text('{"n": 1')
    with pytest.raises(FiguresFormatError, match="cannot be read"):
        read_comparison(run)
    (row,) = history_table([run]).to_dict("records")
    assert row["n"] is None and "cannot be read" in row["note"]


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
        export_archive(run, "adapter")
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"weights")
    (run.adapter_dir / "adapter_config.json").write_text("{}")
    with zipfile.ZipFile(io.BytesIO(export_archive(run, "adapter"))) as archive:
        added = ["README.md", "adapter_config.json", "adapter_model.safetensors", "finsent.json", "predict.py"]
        assert archive.namelist() == [f"adapter/{name}" for name in added]
        assert archive.read("adapter/adapter_model.safetensors") == b"weights"
