"""A run that is the average of others: judged, classified with and exported as any run, its parents in its record."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from finsent.errors import AdapterError, RunStateError
from finsent.evaluation.classifier import Classifier
from finsent.evaluation.judge import evaluate_run
from finsent.recipe import change_recipe
from finsent.report.export import export_archive
from finsent.runs import averaged, worker
from finsent.runs.averaged import check_average, make_averaged_adapter, submit_average
from finsent.runs.store import RunState, create_run, read_run, update_run


@pytest.fixture(scope="module")
def parents(tmp_path_factory, tiny_recipe):
    """Two finished runs that differ in the seed: one was trained, the other has its matrices, changed at random."""
    runs = tmp_path_factory.mktemp("parents") / "runs"
    first = create_run(tiny_recipe, runs)
    assert worker.main(first.folder) == 0
    other = create_run(change_recipe(tiny_recipe, {"seed": 43}), runs)
    record = json.loads((other.folder / "run.json").read_text())
    shutil.rmtree(other.folder)
    shutil.copytree(first.folder, other.folder)
    kept = json.loads((first.folder / "run.json").read_text())
    (other.folder / "run.json").write_text(json.dumps(kept | {"id": record["id"], "recipe": record["recipe"]}))
    file = other.adapter_dir / "adapter_model.safetensors"
    random = torch.Generator().manual_seed(0)
    save_file(
        {name: one + 0.05 * torch.randn(one.shape, generator=random) for name, one in load_file(file).items()},
        file,
        metadata={"format": "pt"},
    )
    return [read_run(first.folder), read_run(other.folder)]


@pytest.fixture
def copies(parents, tmp_path):
    """The two runs in a folder of their own."""
    folder = tmp_path / "runs"
    shutil.copytree(parents[0].folder.parent, folder)
    return [read_run(folder / run.id) for run in parents]


def updates(run):
    """Return what a run's adapter adds to each matrix."""
    config = json.loads((run.adapter_dir / "adapter_config.json").read_text())
    weights = load_file(run.adapter_dir / "adapter_model.safetensors")
    names = {name.replace("lora_B", "lora_A"): name for name in weights if "lora_B" in name}
    scale = config["lora_alpha"] / config["r"]
    return {down: weights[up].double() @ weights[down].double() * scale for down, up in names.items()}


def test_it_is_made_judged_and_used_as_a_run_of_its_own(copies, monkeypatch):
    monkeypatch.setattr(averaged, "start_next", lambda *_: None)
    run = submit_average(copies, "both")
    assert run.waiting
    assert worker.main(run.folder) == 0
    run = read_run(run.folder)
    assert (run.state, run.name, run.steps) == (RunState.DONE, "both", 0)
    assert json.loads((run.folder / "run.json").read_text())["averaged"] == [one.id for one in copies]
    mean = {name: (one + updates(copies[1])[name]) / 2 for name, one in updates(copies[0]).items()}
    for name, update in updates(run).items():
        torch.testing.assert_close(update, mean[name], rtol=1e-6, atol=1e-7)
    assert json.loads((run.adapter_dir / "adapter_config.json").read_text())["r"] == 16
    figures = evaluate_run(run)
    assert figures.n == evaluate_run(copies[0]).n
    assert export_archive(run, "adapter")
    answer = Classifier.of_run(run).classify(["Profit rose by a tenth."])[0]
    assert sum(answer.tuned.probabilities.values()) == pytest.approx(1)


def test_parents_that_differ_in_what_they_were_judged_or_based_on_are_refused(copies):
    first, second = copies
    with pytest.raises(RunStateError, match="different runs"):
        check_average([first, first])
    with pytest.raises(RunStateError, match="from 2 to 10"):
        check_average([first])
    other = update_run(second.folder, recipe=change_recipe(second.recipe, {"split_seed": 7}))
    with pytest.raises(RunStateError, match="different rows"):
        check_average([first, other])
    other = update_run(second.folder, recipe=second.recipe, model_hash="another")
    with pytest.raises(RunStateError, match="different base models"):
        check_average([first, other])
    shutil.rmtree(second.adapter_dir)
    with pytest.raises(RunStateError, match="no finished adapter"):
        check_average([first, read_run(second.folder)])


def test_what_is_not_exact_is_refused_before_a_run_is_made(copies):
    file = copies[1].adapter_dir / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"use_dora": True}))
    with pytest.raises(AdapterError, match="DoRA"):
        submit_average(copies)
    assert len(list(copies[0].folder.parent.glob("2*"))) == 2


def test_a_parent_that_was_deleted_meanwhile_is_named(copies):
    run = create_run(copies[0].recipe, copies[0].folder.parent)
    run = update_run(run.folder, averaged=("20260101-000000-aaaaaa", copies[0].id))
    with pytest.raises(AdapterError, match="20260101-000000-aaaaaa.*was deleted"):
        make_averaged_adapter(run)
    assert not run.adapter_dir.exists()
