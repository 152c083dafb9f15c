"""Training: every LoRA matrix moves in every epoch, and a run that learns nothing fails and says so."""

import math

import pytest
import torch
from transformers import TrainerCallback

from finsent.encoding import encode_rows
from finsent.errors import DataError, NonFiniteLossError, ZeroGradientError
from finsent.estimate import steps_per_epoch
from finsent.models import load_base
from finsent.recipes import change_recipe, get_recipe
from finsent.rows import draw_rows
from finsent.training import (
    PackedTrainer,
    check_gradient_norm,
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
    rows = draw_rows(recipe)
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

    rows = draw_rows(tiny_recipe)
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
        peft_config=lora_config(tiny_recipe),
    )
    assert loss == pytest.approx(theirs.evaluate()["eval_loss"], rel=1e-4)


@pytest.mark.parametrize("loss", ["completion", "sequence", "answers"])
def test_the_logged_loss_is_the_mean_that_an_evaluation_gives(tiny_recipe, tmp_path, loss):
    """Train and validation curves can be laid over one another: both are means over the same things."""
    changes = {"loss": loss, "rows": 16, "batch_size": 16, "epochs": 1, "lora_dropout": 0, "logging_steps": 1}
    rows = draw_rows(change_recipe(tiny_recipe, changes))
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


@pytest.mark.parametrize(("rows", "batch", "accumulation", "steps"), [(1055, 8, 1, 132), (80, 8, 5, 2), (81, 8, 5, 3)])
def test_steps_per_epoch(rows, batch, accumulation, steps):
    recipe = change_recipe(get_recipe("quick"), {"batch_size": batch, "gradient_accumulation": accumulation})
    assert steps_per_epoch(recipe, rows) == steps
