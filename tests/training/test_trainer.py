"""Training: every LoRA matrix moves in every epoch, and a run that learns nothing fails and says so."""

import math

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import TrainerCallback

from finsent.data.prepared import prepare
from finsent.errors import DataError, NonFiniteLossError, ZeroGradientError
from finsent.inference.encoding import encode_rows
from finsent.models.base import load_base
from finsent.recipe import change_recipe, get_recipe, steps_per_epoch
from finsent.training.best import METRIC
from finsent.training.callbacks import check_gradient_norm
from finsent.training.trainer import (
    PackedTrainer,
    learned_nothing,
    lora_config,
    make_trainer,
    training_arguments,
)


class Snapshots(TrainerCallback):
    """Copies the LoRA matrices at the start and after each epoch."""

    def __init__(self):
        self.taken = []

    def take(self, model):
        self.taken.append({name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad})

    def on_train_begin(self, args, state, control, model, **kwargs):
        self.take(model)

    def on_epoch_end(self, args, state, control, model, **kwargs):
        self.take(model)


def trainer_for(recipe, folder):
    rows = prepare(recipe)
    model, tokenizer = load_base(recipe.model)
    return make_trainer(model, tokenizer, recipe, rows.train, rows.validation, folder, lambda step, total: False)


def test_every_lora_matrix_moves_in_every_epoch(tiny_recipe, tmp_path):
    recipe = change_recipe(tiny_recipe, {"epochs": 3, "checkpoint": "last"})
    trainer = trainer_for(recipe, tmp_path)
    snapshots = Snapshots()
    trainer.add_callback(snapshots)
    trainer.train()
    assert len(snapshots.taken) == 4
    for before, after in zip(snapshots.taken, snapshots.taken[1:], strict=False):
        assert len(before) == 8
        for name, value in before.items():
            assert value.dtype == torch.float32
            assert not torch.equal(value, after[name]), f"{name} stood still"
    logged = [entry["grad_norm"] for entry in trainer.state.log_history if "grad_norm" in entry]
    assert len(logged) == trainer.state.max_steps
    assert all(norm > 0 and math.isfinite(norm) for norm in logged)
    assert any("eval_accuracy" in entry for entry in trainer.state.log_history[: len(trainer.state.log_history) // 2])


def test_loss_equals_trl_on_padded_batches(tiny_recipe, tmp_path):
    """The first step's loss is the one that TRL computes from the same rows without packing."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = prepare(tiny_recipe)
    model, tokenizer = load_base(tiny_recipe.model)
    encoded = encode_rows(tokenizer, rows.validation, 512)
    ours = make_trainer(model, tokenizer, tiny_recipe, rows.train, rows.validation, tmp_path, lambda s, t: False)
    loss = ours.evaluate()["eval_loss"]
    plain, tokenizer = load_base(tiny_recipe.model)
    records = [
        {
            "input_ids": row["input_ids"],
            "completion_mask": [int(i >= row["prompt_length"]) for i in range(len(row["input_ids"]))],
        }
        for row in encoded
    ]
    args = SFTConfig(
        output_dir=str(tmp_path / "trl"),
        report_to="none",
        use_cpu=True,
        bf16=False,
        max_length=None,
        completion_only_loss=True,
    )
    data = Dataset.from_list(records)
    theirs = SFTTrainer(
        plain,
        args,
        train_dataset=data,
        eval_dataset=data,
        processing_class=tokenizer,
        # LoRA starts at zero, so that the loss is still the base model's.
        peft_config=lora_config(tiny_recipe, plain),
    )
    assert loss == pytest.approx(theirs.evaluate()["eval_loss"], rel=1e-4)


@pytest.mark.parametrize("loss", ["completion", "sequence", "answers"])
def test_the_logged_loss_is_the_mean_that_an_evaluation_gives(tiny_recipe, tmp_path, loss):
    """Train and validation curves can be laid over one another: both are means over the same things."""
    changes = {"loss": loss, "rows": 16, "batch_size": 16, "epochs": 1, "lora_dropout": 0, "logging_steps": 1}
    rows = prepare(change_recipe(tiny_recipe, changes))
    model, tokenizer = load_base(tiny_recipe.model)
    recipe = change_recipe(tiny_recipe, changes)
    trainer = make_trainer(model, tokenizer, recipe, rows.train, rows.train, tmp_path, lambda step, total: False)
    # LoRA starts at zero, so that the first step's loss is still the base model's.
    evaluated = trainer.evaluate()["eval_loss"]
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert logged == [pytest.approx(evaluated, rel=1e-3)]


def test_zero_gradients_fail_in_words(tiny_recipe, tmp_path, monkeypatch):
    honest = PackedTrainer.compute_loss
    monkeypatch.setattr(PackedTrainer, "compute_loss", lambda self, *a, **k: honest(self, *a, **k) * 0)
    with pytest.raises(ZeroGradientError, match="At step 1 the gradient norm is 0: nothing is being trained"):
        trainer_for(tiny_recipe, tmp_path).train()


def test_a_loss_that_is_not_finite_fails_in_words(tiny_recipe, tmp_path, monkeypatch):
    honest = PackedTrainer.compute_loss
    monkeypatch.setattr(PackedTrainer, "compute_loss", lambda self, *a, **k: honest(self, *a, **k) * float("nan"))
    with pytest.raises(NonFiniteLossError, match="At step 1 .* Lower learning_rate"):
        trainer_for(tiny_recipe, tmp_path).train()


@pytest.mark.parametrize(("norm", "error"), [(0.0, ZeroGradientError), (math.inf, NonFiniteLossError)])
def test_gradient_norms_that_stop_a_run(norm, error):
    with pytest.raises(error, match="At step 7"):
        check_gradient_norm(norm, 7)
    check_gradient_norm(1e-12, 7)


def test_a_row_that_is_too_long_is_named(tiny_recipe, tmp_path):
    with pytest.raises(DataError, match="longer than max_length"):
        trainer_for(change_recipe(tiny_recipe, {"max_length": 32}), tmp_path)


def test_the_tutorials_arguments(tmp_path):
    recipe = get_recipe("tutorial")
    args = training_arguments(recipe, 35_367, tmp_path, "cpu")
    assert (args.per_device_train_batch_size, args.per_device_eval_batch_size) == (8, 8)
    assert (args.gradient_accumulation_steps, args.num_train_epochs, args.logging_steps) == (5, 10, 5)
    assert (args.learning_rate, args.bf16, args.lr_scheduler_type) == (2e-5, True, "linear")
    assert args.eval_steps == args.save_steps == steps_per_epoch(recipe, 35_367)
    assert not args.load_best_model_at_end
    assert (recipe.lora_rank, recipe.lora_alpha, recipe.lora_dropout) == (8, 32, 0.05)
    assert recipe.loss == "sequence"


def learning_rates(trainer):
    return [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_few_steps_have_little_warm_up(tiny_recipe, tmp_path, schedule):
    """Of three steps none is lost to a warm-up of ten."""
    changes = {"rows": 24, "warmup_steps": 10, "checkpoint": "last", "schedule": schedule}
    trainer = trainer_for(change_recipe(tiny_recipe, changes), tmp_path)
    trainer.train()
    assert trainer.args.warmup_steps == 0
    assert learning_rates(trainer)[0] == tiny_recipe.learning_rate
    assert min(learning_rates(trainer)) > 0


def test_every_schedule_warms_up(tiny_recipe, tmp_path):
    changes = {"epochs": 4, "warmup_steps": 2, "checkpoint": "last", "schedule": "constant"}
    trainer = trainer_for(change_recipe(tiny_recipe, changes), tmp_path)
    trainer.train()
    full = tiny_recipe.learning_rate
    assert learning_rates(trainer) == [0, full / 2] + [full] * 22


def test_of_equal_macro_f1_the_lowest_loss_is_the_best(tiny_recipe, tmp_path):
    """So small steps that no label changes, though the loss falls: the last adapter is kept, not the first."""
    changes = {"epochs": 2, "evaluations_per_epoch": 3, "learning_rate": 1e-5, "warmup_steps": 0}
    trainer = trainer_for(change_recipe(tiny_recipe, changes), tmp_path)
    trainer.train()
    evaluated = [entry for entry in trainer.state.log_history if METRIC in entry]
    assert len(evaluated) == 6
    assert len({entry[METRIC] for entry in evaluated}) == 1
    lowest = min(evaluated, key=lambda entry: entry["eval_loss"])
    assert lowest is not evaluated[0]
    assert trainer.state.best_global_step == lowest["step"]
    assert trainer.state.best_metric == lowest[METRIC]
    kept = load_file(tmp_path / "checkpoints" / f"checkpoint-{lowest['step']}" / "adapter_model.safetensors")
    for name, value in get_peft_model_state_dict(trainer.model).items():
        assert value.equal(kept[name])


@pytest.mark.parametrize(("rate", "nothing"), [(1e-2, False), (1e-300, True)])
def test_an_adapter_whose_b_matrices_are_zero_has_learned_nothing(tiny_recipe, tmp_path, rate, nothing):
    trainer = trainer_for(change_recipe(tiny_recipe, {"rows": 16, "learning_rate": rate}), tmp_path)
    assert learned_nothing(trainer.model)
    trainer.train()
    assert learned_nothing(trainer.model) == nothing


@pytest.mark.parametrize(("rows", "batch", "accumulation", "steps"), [(1055, 8, 1, 132), (80, 8, 5, 2), (81, 8, 5, 3)])
def test_steps_per_epoch(rows, batch, accumulation, steps):
    recipe = change_recipe(get_recipe("quick"), {"batch_size": batch, "gradient_accumulation": accumulation})
    assert steps_per_epoch(recipe, rows) == steps
