"""What a run is exported as works where finsent is not, and answers as the run does."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from finsent.cli.main import main
from finsent.errors import ExportError, RunStateError
from finsent.evaluation.classifier import Classifier
from finsent.recipe import change_recipe
from finsent.report.export import FORMS, export_run
from finsent.report.model_card import model_card
from finsent.runs.origin import Origin
from finsent.runs.store import create_run, load_run
from finsent.runs.worker import main as work

TEXT = "Operating profit rose {text} by a tenth, said the “board”."
#: Fails where finsent can be imported, so that no test passes for the wrong reason.
WITHOUT_FINSENT = "import importlib.util as u, sys; assert u.find_spec('finsent') is None; sys.path.insert(0, '.')\n"


@pytest.fixture(scope="module")
def trained(tiny_recipe, tmp_path_factory):
    """A finished run of the tiny model."""
    recipe = change_recipe(tiny_recipe, {"compute_dtype": "float32", "checkpoint": "last", "epochs": 3})
    run = create_run(recipe, tmp_path_factory.mktemp("runs"), "odd | `name`")
    assert work(run.folder) == 0
    return load_run(run.folder.parent, run.id)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The run in each form."""
    folder = tmp_path_factory.mktemp("exported")
    return {form: export_run(trained, form, folder / form) for form in FORMS}


def alone(folder, *arguments):
    """Run Python in a folder, with nothing of this project in reach; return what it prints."""
    done = subprocess.run([sys.executable, "-I", *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_adapter_classifies_by_peft_alone_as_the_run_does(exported, trained, tiny_llama):
    (own,) = Classifier.of_run(trained).classify([TEXT])
    found = json.loads(alone(exported["adapter"], "predict.py", TEXT, "--base", str(tiny_llama)))
    assert (found["text"], found["label"]) == (TEXT, own.tuned.label)
    assert found["probabilities"] == pytest.approx(own.tuned.probabilities, abs=1e-4)
    assert found["probabilities"] != pytest.approx(own.baseline.probabilities, abs=1e-2)


def test_the_lines_of_the_readme_work_where_finsent_is_not(exported):
    (lines,) = re.findall(r"```python\n(.*?)```", (exported["merged"] / "README.md").read_text(), flags=re.DOTALL)
    assert lines in (exported["adapter"] / "README.md").read_text()
    assert "'label': " in alone(exported["merged"], "-c", WITHOUT_FINSENT + lines)


def test_the_merged_model_loads_by_transformers_alone_and_its_certificate_holds(exported, trained):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from finsent.data.dataset import sample_rows
    from finsent.inference.scoring import score_labels
    from finsent.models.attention import use_tree_attention
    from finsent.runs.rows import prepare_again

    own, unquantised, merged = json.loads((exported["merged"] / "certificate.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(exported["merged"], dtype="auto")
    assert not getattr(model.config, "quantization_config", None) and str(model.dtype) == "torch.bfloat16"
    use_tree_attention(model)
    rows = sample_rows(prepare_again(trained).test, 64, trained.recipe.split_seed)
    scores = score_labels(model, AutoTokenizer.from_pretrained(exported["merged"]), rows)
    right = scores.idxmax(axis=1).str.removeprefix("logp_") == rows["label"]
    assert right.mean() == pytest.approx(merged["accuracy"])
    assert (own["largest_difference"], own["same_labels"], own["n"]) == (0, len(rows), len(rows))
    # Its weights are those that the adapter knows, and only rounding is between them; the unquantised ones are not.
    assert 0 < merged["largest_difference"] < unquantised["largest_difference"]
    assert merged["same_labels"] >= unquantised["same_labels"]


def test_a_way_that_differs_from_the_run_is_warned_of():
    from finsent.report.merged import _warning

    assert _warning("merged", 64, 64, 0.01) == ""
    assert "log-probabilities differ by up to 0.30" in _warning("merged", 64, 64, 0.3)
    assert "3 of 64 labels differ" in _warning("merged", 64, 61, 0.3)


@pytest.mark.long
def test_the_notebook_repeats_the_run_with_trl_alone(exported, tiny_llama, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("BASE_MODEL", str(tiny_llama))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = shutil.copytree(exported["notebook"], tmp_path / "notebook")
    notebook = nbformat.read(folder / "repeat_run.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(WITHOUT_FINSENT))
    nbformat.validate(notebook)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    beside = {row["figure"]: row for row in json.loads((folder / "beside.json").read_text())}
    assert beside["accuracy"]["within"], beside
    assert (folder / "adapter" / "adapter_model.safetensors").is_file()


def test_the_model_card_is_filled_from_the_run(exported, trained):
    card = ModelCard.load(exported["model-card"] / "README.md")
    assert card.data.library_name == "peft" and "qlora" in card.data.tags
    figures = json.loads(trained.evaluation_file.read_text())
    low, high = figures["tuned"]["accuracy_ci"]
    assert f"{figures['tuned']['accuracy']:.3f} ({low:.3f} to {high:.3f}) | {figures['n']} |" in card.text
    for part in (
        "# `odd / 'name'`",
        "licence: unknown here",
        "## Limits",
        "| learning_rate | `0.01`",
        "What the checks",
    ):
        assert part in card.text, part


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.security("paths of this machine in an export", "none in any file of any form")
def test_no_form_holds_a_path_of_this_machine(form, exported, trained, tiny_llama):
    files = [
        file for file in exported[form].rglob("*") if file.is_file() and file.suffix not in (".safetensors", ".pyc")
    ]
    assert files
    for file in files:
        for path in (tiny_llama, trained.recipe.source, trained.folder.parent):
            assert str(path) not in file.read_text(), file


def test_a_place_or_form_that_cannot_be_leaves_nothing(trained, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for form, place, words in (
        ("adapter", tmp_path / "full", "is not empty"),
        ("adapter", tmp_path / "full" / "file", "is not empty"),
        ("onnx", tmp_path / "new", "Choose one of: adapter, merged, notebook, model-card"),
        ("adapter", " ", "is blank"),
        ("adapter", Path("/proc/none/here"), "cannot be written"),
    ):
        with pytest.raises(ExportError, match=words):
            export_run(trained, form, place)
    others = trained.model_copy(update={"recipe": trained.recipe.model_copy(update={"loss": "answers"})})
    with pytest.raises(RunStateError, match="cannot be repeated with TRL alone"):
        export_run(others, "notebook", tmp_path / "new")
    child = trained.model_copy(update={"origin": Origin(parent="20260101-000000-abcdef")})
    with pytest.raises(RunStateError, match="it starts from the adapter of another run"):
        export_run(child, "notebook", tmp_path / "new")
    with pytest.raises(RunStateError, match="averages the adapters of other runs"):
        export_run(trained.model_copy(update={"averaged": (trained.id,)}), "notebook", tmp_path / "new")
    with pytest.raises(RunStateError, match="no adapter to merge"):
        export_run(trained.model_copy(update={"folder": tmp_path}), "merged", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_the_card_says_what_a_continued_runs_adapter_has_learnt(trained):
    assert "builds on" not in model_card(trained, "adapter")
    average = trained.model_copy(update={"averaged": ("20260101-000000-abcdef", trained.id)})
    own = trained.splits["train"]
    card = model_card(average, "adapter")
    assert f"Its adapter builds on 20260101-000000-abcdef, {trained.id} and has learnt {own:,} texts in all." in card
    assert "known: run 20260101-000000-abcdef, whose adapter it builds on, was removed." in card


def test_the_command_writes_the_form_and_says_what_is_in_it(trained, tmp_path, capsys):
    target = tmp_path / "card"
    arguments = ["export", trained.id, str(target), "--to", "model-card", "--json"]
    assert main([*arguments, "--runs-dir", str(trained.folder.parent)]) == 0
    value = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (value["folder"], value["files"]) == (str(target), ["README.md"])
