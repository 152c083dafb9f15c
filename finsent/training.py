"""Fine-tuning: TRL's SFTTrainer put together from a recipe, with packed batches and a guard on the gradients.

The trainer, optimizer, schedule, checkpoints and logs are TRL's and transformers'. Added are the packed batches
(:mod:`finsent.packing`), logits at the supervised tokens alone, label scores on the validation sample beside its
loss, and a check that gradients are alive.
"""

import math
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig
from torch.optim.lr_scheduler import LRScheduler
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_utils import EvalLoopOutput
from trl import SFTConfig, SFTTrainer

from finsent.averaging import Snapshots
from finsent.dropout import use_cut_dropout
from finsent.early_stopping import METRIC, EarlyStopping
from finsent.encoding import encode_choices, encode_rows
from finsent.errors import NonFiniteLossError, ZeroGradientError
from finsent.estimate import steps_per_epoch, total_steps
from finsent.metrics import evaluate_predictions
from finsent.models import resolve_dtype
from finsent.packing import ChoiceCollator, PackingCollator, summed_loss
from finsent.predictions import predict
from finsent.recipes import Recipe
from finsent.soup import FreshStarts, repeat_schedule


class PackedTrainer(SFTTrainer):
    """SFTTrainer for the batches of :class:`~finsent.packing.PackingCollator`.

    ``validation_rows`` is the data table behind the evaluation data set; its labels are scored at each evaluation.
    """

    def __init__(self, *args: Any, recipe: Recipe, validation_rows: pd.DataFrame, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recipe = recipe
        self.validation_rows = validation_rows
        self.packed_tokens = 0
        self.row_tokens = 0
        self._last_log = (time.perf_counter(), 0)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the mean cross-entropy of the supervised tokens or rows, computing logits for these alone."""
        outputs = model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            attention_mask=inputs["attention_mask"],
            tree=inputs["tree"],
            logits_to_keep=inputs["logit_positions"],
            use_cache=False,
        )
        total = summed_loss(outputs.logits[0].float().log_softmax(-1), inputs)
        loss = total / (inputs["labels"].numel() if num_items_in_batch is None else num_items_in_batch)
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            # The count spans all processes, while DDP averages their gradients.
            loss = loss * self.accelerator.num_processes
        if model.training:
            self.packed_tokens += int(inputs["packed_tokens"])
            self.row_tokens += int(inputs["row_tokens"].sum())
        return (loss, outputs) if return_outputs else loss

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LRScheduler:
        """Create the schedule of one adapter's steps; each of a soup goes through it."""
        own = num_training_steps // self.recipe.soup
        scheduler = super().create_scheduler(own, optimizer)
        if self.recipe.soup > 1:
            repeat_schedule(scheduler, own)
        return scheduler

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Evaluate the loss as usual, then score the validation rows' labels and report accuracy beside it."""
        output = super().evaluation_loop(*args, **kwargs)
        scored = predict(self.model, self.processing_class, self.validation_rows, attention=self.recipe.attention)
        figures = evaluate_predictions(scored)
        scores = {f"eval_{name}": figures[name] for name in ("accuracy", "macro_f1", "neutral_as_positive")}
        output.metrics.update({name: value for name, value in scores.items() if value is not None})
        # Evaluations are not training: leave them out of the speed.
        self._last_log = (time.perf_counter(), self.packed_tokens)
        return output

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with the number of packed tokens a second since the last training log."""
        if "loss" in logs:
            now, tokens = time.perf_counter(), self.packed_tokens
            then, before = self._last_log
            logs["tokens_per_second"] = (tokens - before) / max(now - then, 1e-9)
            self._last_log = (now, tokens)
        super().log(logs, start_time)


class GradientGuard(TrainerCallback):
    """Stops a run whose loss or gradients are not finite, or whose gradients are all zero.

    A model can lose its gradients silently (see :func:`finsent.models.keep_gradients_on_cpu`); a run that trains
    nothing must not end as a success.
    """

    def on_pre_optimizer_step(
        self, args: SFTConfig, state: TrainerState, control: TrainerControl, model: torch.nn.Module, **_: Any
    ) -> None:
        """Check the gradients of this step.

        Raises:
            ZeroGradientError: every gradient is zero or missing.
            NonFiniteLossError: a gradient is not a finite number.
        """
        gradients = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())
        check_gradient_norm(float(norm), state.global_step + 1)


def check_gradient_norm(norm: float, step: int) -> None:
    """Raise if a gradient norm says that training cannot go on; see :class:`GradientGuard`."""
    if not math.isfinite(norm):
        raise NonFiniteLossError(
            f"At step {step} the gradient norm is {norm}: the loss is no longer a finite number. Lower learning_rate "
            "or max_grad_norm, or set compute_dtype to float32."
        )
    if norm == 0:
        raise ZeroGradientError(
            f"At step {step} the gradient norm is 0: nothing is being trained. The 4-bit layers have lost their "
            "backward pass (a CPU inference kernel that has none), or no parameter is trainable."
        )


class Watch(TrainerCallback):
    """Calls ``at_step(step, total)`` after each step and ends training when it returns True.

    Also makes sure that the last step is evaluated and saved, whatever the interval.
    """

    def __init__(self, at_step: Callable[[int, int], bool]) -> None:
        self.at_step = at_step

    def on_step_end(self, args: SFTConfig, state: TrainerState, control: TrainerControl, **_: Any) -> TrainerControl:
        """Look for a request to stop."""
        if self.at_step(state.global_step, state.max_steps):
            control.should_training_stop = True
            control.should_save = True
        elif state.global_step >= state.max_steps:
            control.should_log = control.should_evaluate = control.should_save = True
        return control


def make_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    train_rows: pd.DataFrame,
    validation_rows: pd.DataFrame,
    folder: Path,
    at_step: Callable[[int, int], bool] | None,
) -> PackedTrainer:
    """Return a trainer that adds LoRA to the model and trains it on the rows; writes below ``folder``.

    ``at_step`` is called after each step (see :class:`Watch`); with None the last step is nothing special.

    Raises:
        DataError: a row does not fit into ``max_length`` tokens.
    """
    dtype = resolve_dtype(recipe.compute_dtype, model.device.type)
    encode, collator = encode_rows, PackingCollator(dtype=dtype, whole_sequence=recipe.loss == "sequence")
    if recipe.loss == "answers":
        encode = partial(encode_choices, attention=recipe.attention)
        collator = ChoiceCollator(dtype=dtype, mutual=recipe.attention == "prefix")
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    trainer = PackedTrainer(
        model=model,
        args=training_arguments(recipe, len(train_rows), folder / "checkpoints", model.device.type),
        train_dataset=Dataset.from_list(_filled_up(encode(tokenizer, train_rows, recipe.max_length), recipe)),
        eval_dataset=Dataset.from_list(encode(tokenizer, validation_rows, recipe.max_length)),
        data_collator=collator,
        processing_class=tokenizer,
        peft_config=lora_config(recipe),
        callbacks=_callbacks(recipe, folder, at_step),
        recipe=recipe,
        validation_rows=validation_rows,
    )
    if model.device.type == "cpu":
        use_cut_dropout(trainer.model)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            # TRL casts LoRA on 4-bit models to bfloat16, whose 8 bits of precision swallow AdamW's small steps.
            parameter.data = parameter.data.float()
    return trainer


def snapshots_dir(folder: Path) -> Path:
    """Return where a run keeps the adapters that it averages."""
    return folder / "checkpoints" / "averaged"


def _callbacks(recipe: Recipe, folder: Path, at_step: Callable[[int, int], bool] | None) -> list[TrainerCallback]:
    callbacks: list[TrainerCallback] = [GradientGuard()]
    if at_step is not None:
        callbacks.append(Watch(at_step))
    if recipe.checkpoint == "averaged":
        callbacks.append(Snapshots(snapshots_dir(folder), recipe.soup))
    if recipe.soup > 1:
        callbacks.append(FreshStarts(recipe.soup, recipe.seed))
    if recipe.early_stopping:
        callbacks.append(EarlyStopping(recipe.early_stopping))
    return callbacks


def _filled_up(encoded: list[dict[str, Any]], recipe: Recipe) -> list[dict[str, Any]]:
    """Fill the rows up with blank ones to whole batches where processes share them, so that none is given twice."""
    if recipe.processes == 1:
        return encoded
    blanks = [encoded[0] | {"blank": True}] * (-len(encoded) % recipe.batch_size)
    return [row | {"blank": False} for row in encoded] + blanks


def lora_config(recipe: Recipe) -> LoraConfig:
    """Return PEFT's configuration of a recipe's LoRA matrices."""
    return LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.target_modules),
        task_type="CAUSAL_LM",
    )


def training_arguments(recipe: Recipe, rows: int, output_dir: Path, device: str) -> SFTConfig:
    """Return TRL's arguments for a recipe; ``rows`` is the number of training rows."""
    interval = math.ceil(steps_per_epoch(recipe, rows) / recipe.evaluations_per_epoch)
    keep_best = recipe.checkpoint == "best"
    return SFTConfig(
        output_dir=str(output_dir),
        per_device_train_batch_size=recipe.batch_size // recipe.processes,
        per_device_eval_batch_size=recipe.batch_size // recipe.processes,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        num_train_epochs=recipe.epochs,
        # Each adapter of a soup has the same whole number of steps; one alone has what its epochs make.
        max_steps=total_steps(recipe, rows) if recipe.soup > 1 else -1,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        max_length=recipe.max_length,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=resolve_dtype(recipe.compute_dtype, device) is torch.bfloat16,
        activation_checkpointing=recipe.gradient_checkpointing,
        use_cpu=device == "cpu",
        # Every LoRA matrix takes part in every step, so that none need be looked for.
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=device != "cpu",
        eval_strategy="steps",
        eval_steps=interval,
        save_strategy="steps",
        save_steps=interval,
        save_total_limit=2,
        load_best_model_at_end=keep_best,
        metric_for_best_model=METRIC if keep_best else None,
        greater_is_better=True if keep_best else None,
        logging_steps=recipe.logging_steps,
        logging_first_step=True,
        # A NaN must be seen, not replaced by the mean of the losses before it.
        logging_nan_inf_filter=False,
        report_to="tensorboard",
        disable_tqdm=True,
        # Rows arrive encoded, with columns of their own.
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )
