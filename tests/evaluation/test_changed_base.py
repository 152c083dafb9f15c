"""A base model that has changed since a run began is noticed wherever the run's adapter would be put on it."""

import shutil

import pytest

from finsent.cli.main import main as cli
from finsent.errors import RunChangedError
from finsent.evaluation.classifier import Classifier
from finsent.evaluation.judge import evaluate_run
from finsent.recipe import change_recipe
from finsent.runs import worker
from finsent.runs.base_model import unchanged_base
from finsent.runs.store import create_run, load_run


@pytest.fixture
def changed(tiny_recipe, tiny_llama, tmp_path, runs_dir):
    """A finished run, and its base model's folder with another tokenizer than it was trained with."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_llama, folder)
    run = create_run(change_recipe(tiny_recipe, {"model": str(folder)}), runs_dir)
    assert worker.main(run.folder) == 0
    run = load_run(runs_dir, run.id)
    assert unchanged_base(run)[1] == run.model_hash
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text() + "\n")
    return run


def test_a_changed_base_model_ends_evaluation_and_classification_in_a_sentence(changed, small_csv, runs_dir, capsys):
    told = f"The base model of run {changed.id} .* has changed since it began"
    with pytest.raises(RunChangedError, match=told):
        Classifier.of_run(changed)
    before = sorted(changed.folder.rglob("*"))
    with pytest.raises(RunChangedError, match=told):
        evaluate_run(changed, small_csv)
    assert sorted(changed.folder.rglob("*")) == before
    for words in (["evaluate", changed.id, "--data", str(small_csv)], ["classify", "--run", changed.id, "Sales rose."]):
        assert cli(words + ["--runs-dir", str(runs_dir)]) == 2
        assert "has changed since it began" in capsys.readouterr().err
    # Its own saved predictions need no model.
    assert evaluate_run(changed).n == changed.splits["test"]
