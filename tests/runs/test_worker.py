"""The worker, in this process, on a tiny model: what a run leaves behind, and how it fails."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from finsent.data.dataset import load_data
from finsent.evaluation.classifier import Classifier
from finsent.evaluation.judge import evaluate_run
from finsent.inference.predictions import baseline_key
from finsent.machine import peak_memory
from finsent.metrics.classification import on_test_split
from finsent.metrics.figures_json import to_json
from finsent.recipe import change_recipe
from finsent.runs import stages, worker
from finsent.runs.curves import read_curves
from finsent.runs.evaluated_sets import OWN, judged_sets
from finsent.runs.failures import in_words
from finsent.runs.history import settings_table
from finsent.runs.store import RunState, create_run, load_run, update_run


@pytest.fixture(scope="module", params=["completion", "answers"])
def finished(request, tmp_path_factory, tiny_llama, small_csv):
    """A real run of the tiny model, done once for this module, with either loss."""
    from finsent.recipe import get_recipe

    runs = tmp_path_factory.mktemp("runs")
    recipe = change_recipe(
        get_recipe("quick"),
        {
            "model": str(tiny_llama),
            "source": str(small_csv),
            "rows": 48,
            "learning_rate": 1e-2,
            "warmup_steps": 1,
            "logging_steps": 1,
            "loss": request.param,
            # In bfloat16, which some processors compute faster, a text's last digits depend on what is scored with it.
            "compute_dtype": "float32",
        },
    )
    run = create_run(recipe, runs)
    assert worker.main(run.folder) == 0
    return load_run(runs, run.id)


def test_a_run_leaves_everything_in_its_folder(finished):
    assert finished.state == RunState.DONE
    assert finished.steps == 6
    assert finished.splits == {"train": 48, "validation": 12, "test": 12}
    assert finished.has_adapter
    assert finished.has_comparison
    assert len(finished.source_hash) == len(finished.model_hash) == 64
    assert finished.versions["torch"]
    assert 0 < finished.measured["packed_tokens"] < finished.measured["row_tokens"]
    note = json.loads((finished.adapter_dir / "finsent.json").read_text())
    assert note["prompt"].endswith("Answer:")
    training_rows = pd.read_parquet(finished.predictions_file("training_rows"))
    assert len(training_rows) == 48


def test_curves_have_every_logged_step(finished):
    curves = read_curves(finished.folder)
    norms = curves[curves["tag"] == "train/grad_norm"]
    assert norms["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert (norms["value"] > 0).all()
    assert (curves["tag"] == "eval/neutral_as_positive").sum() == 3
    assert curves[curves["tag"] == "eval/loss"]["step"].tolist() == [2, 4, 6]


def test_saved_figures_are_of_the_test_rows_alone(finished):
    figures = json.loads(finished.evaluation_file.read_text())
    tuned = on_test_split(pd.read_parquet(finished.predictions_file("tuned")))
    assert figures["n"] == len(tuned) == 12
    assert figures["tuned"]["accuracy"] == (tuned["label"] == tuned["predicted"]).mean()
    assert figures.items() <= to_json(evaluate_run(finished)).items()


def test_the_saved_adapter_gives_the_saved_predictions(finished):
    """What a later visitor loads is what was judged."""
    saved = on_test_split(pd.read_parquet(finished.predictions_file("tuned")))
    figures = evaluate_run(finished, finished.recipe.source)
    assert figures.n == 120
    other = load_data(finished.recipe.source)
    assert judged_sets(finished) == {OWN: "its own test split", other.fingerprint[:12]: other.title}
    answers = Classifier.of_run(finished).classify(saved["text"].tolist())
    assert [answer.tuned.label for answer in answers] == saved["predicted"].tolist()
    assert [answer.tuned.probabilities[answer.tuned.label] for answer in answers] == pytest.approx(
        saved["confidence"].tolist(), abs=1e-4
    )


def test_the_same_recipe_gives_the_same_adapter(finished):
    again = create_run(finished.recipe, finished.folder.parent)
    assert worker.main(again.folder) == 0
    again = load_run(finished.folder.parent, again.id)
    first, second = (load_file(run.adapter_dir / "adapter_model.safetensors") for run in (finished, again))
    assert first.keys() == second.keys()
    assert all(first[name].equal(second[name]) for name in first)


def test_a_stopped_run_keeps_its_adapter_and_says_up_to_where(tiny_recipe, runs_dir, monkeypatch):
    run = create_run(tiny_recipe, runs_dir)
    steps = []

    def state(folder):
        return json.loads((folder / "run.json").read_text())["state"]

    def after_two_steps(folder):
        if state(folder) == "training":
            steps.append(1)
        return len(steps) >= 2

    monkeypatch.setattr(stages, "stop_requested", after_two_steps)
    assert worker.main(run.folder) == 0
    run = load_run(runs_dir, run.id)
    assert run.state == RunState.STOPPED
    assert run.error.startswith("Stopped at step 2 of 6.")
    assert run.has_adapter
    assert not run.has_comparison
    assert list(run.checkpoints_dir.glob("checkpoint-2"))
    figures = evaluate_run(run)
    assert load_run(runs_dir, run.id).has_comparison
    assert figures.n == run.splits["test"]
    assert json.loads(run.evaluation_file.read_text()).items() <= to_json(figures).items()

    # Resumed to the end of its training, it has another adapter: those figures are not of it.
    monkeypatch.setattr(stages, "stop_requested", lambda folder: state(folder) == "evaluating")
    update_run(run.folder, state=RunState.QUEUED)
    assert worker.main(run.folder) == 0
    run = load_run(runs_dir, run.id)
    assert (run.state, run.steps) == (RunState.STOPPED, 6)
    assert not run.has_comparison
    assert not run.evaluation_file.exists()


def test_a_run_that_learned_nothing_says_so(tiny_recipe, runs_dir, capsys):
    """The smallest step that the optimizer takes is zero in float32."""
    run = create_run(change_recipe(tiny_recipe, {"rows": 16, "learning_rate": 1e-300}), runs_dir)
    assert worker.main(run.folder) == 0
    run = load_run(runs_dir, run.id)
    assert run.state == RunState.DONE
    assert run.warning.startswith("This run learned nothing: every B matrix of its adapter is still zero")
    assert run.warning in capsys.readouterr().out
    tables = [pd.read_parquet(run.predictions_file(model)) for model in ("baseline", "tuned")]
    assert tables[0]["predicted"].equals(tables[1]["predicted"])


def test_twenty_four_rows_are_enough_to_learn_something(tiny_recipe, runs_dir):
    """One epoch of them is three steps, which a warm-up of ten must not take."""
    changes = {"rows": 24, "warmup_steps": 10, "evaluations_per_epoch": 3, "learning_rate": 1e-5}
    run = create_run(change_recipe(tiny_recipe, changes), runs_dir)
    assert worker.main(run.folder) == 0
    run = load_run(runs_dir, run.id)
    assert (run.state, run.steps, run.warning) == (RunState.DONE, 3, None)
    assert run.measured["warmup_steps"] == 0
    adapter = load_file(run.adapter_dir / "adapter_model.safetensors")
    assert all(value.any() for name, value in adapter.items() if "lora_B" in name)
    assert settings_table(run).set_index("setting").loc["warmup_steps", "value"] == "0 used, 10 asked for"


def test_a_baseline_is_shared_only_where_everything_told_of_its_rows_is_alike(small_csv):
    rows = load_data(str(small_csv)).rows.assign(split="test", topic="orders")
    assert baseline_key("m", "float32", rows) == baseline_key("m", "float32", rows.copy())
    for column in ("topic", "source", "text", "prompt"):
        assert baseline_key("m", "float32", rows.assign(**{column: "other"})) != baseline_key("m", "float32", rows)


def test_a_run_whose_base_model_has_changed_does_not_go_on(tiny_recipe, runs_dir):
    run = create_run(tiny_recipe, runs_dir)
    update_run(run.folder, model_hash="0" * 64)
    assert worker.main(run.folder) == 1
    assert "base model" in load_run(runs_dir, run.id).error
    assert "has changed since it began" in load_run(runs_dir, run.id).error


def test_a_failure_is_one_sentence_and_the_log_has_the_traceback(tiny_recipe, runs_dir, monkeypatch, capsys):
    from finsent.training.trainer import PackedTrainer

    honest = PackedTrainer.compute_loss
    monkeypatch.setattr(PackedTrainer, "compute_loss", lambda self, *a, **k: honest(self, *a, **k) * 0)
    run = create_run(tiny_recipe, runs_dir)
    assert worker.main(run.folder) == 1
    run = load_run(runs_dir, run.id)
    assert run.state == RunState.FAILED
    assert "gradient norm is 0" in run.error
    assert "Traceback" in capsys.readouterr().out
    assert not run.has_adapter


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (OSError(28, "No space left on device"), "disk is full"),
        (KeyError("surprise"), "unexpected KeyError"),
    ],
)
def test_failures_in_words(tiny_recipe, tmp_path, error, words):
    assert words in str(in_words(error, tiny_recipe, tmp_path))


def test_loss_falls_on_the_tiny_model(finished):
    curves = read_curves(finished.folder)
    loss = curves[curves["tag"] == "train/loss"]["value"].tolist()
    assert all(math.isfinite(value) for value in loss)
    assert loss[-1] < loss[0]


def test_peak_memory_is_this_process_and_not_its_parent():
    held = np.ones(400 * 2**20 // 8)
    code = "from finsent.machine import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = peak_memory()
    assert own > held.nbytes
    assert 50 * 2**20 < int(done.stdout) < own - held.nbytes / 2
