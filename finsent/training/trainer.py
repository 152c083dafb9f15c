"""Fine-tuning: TRL's SFTTrainer put together from a recipe, with packed batches and a guard on the gradients.

The trainer, optimizer, schedule, checkpoints and logs are TRL's and transformers'. Added are the packed batches
(:mod:`finsent.models.packing`), logits at the supervised tokens alone, label scores on the validation sample beside its
loss, and a check that gradients are alive.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
)
from transformers.trainer_utils import EvalLoopOutput
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from finsent.inference.encoding import encode_choices, encode_rows
from finsent.inference.predictions import predict
from finsent.metrics.classification import evaluate_predictions
from finsent.models.base import resolve_dtype
from finsent.models.dropout import use_cut_dropout
from finsent.models.matrices import own_names
from finsent.models.packing import ChoiceCollator, PackingCollator, summed_loss
from finsent.recipe import Recipe, steps_per_epoch, warmup_steps
from finsent.training.best import METRIC, LowerLossOfEquals
from finsent.training.callbacks import GradientGuard, Watch
from finsent.training.sharing import SharedThreads, same_with_fewer_threads
from finsent.training.snapshots import Snapshots

AtEvaluation = Callable[[int, pd.DataFrame], None]


class PackedTrainer(SFTTrainer):
    """SFTTrainer for the batches of :class:`~finsent.models.packing.PackingCollator`.

    ``validation_rows`` is the data table behind the evaluation data set; its labels are scored at each evaluation, and
    ``at_evaluation`` is given the step and their predictions table.
    """

    def __init__(
        self,
        *args: Any,
        recipe: Recipe,
        validation_rows: pd.DataFrame,
        at_evaluation: AtEvaluation | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.recipe = recipe
        self.validation_rows = validation_rows
        self.at_evaluation = at_evaluation
        self.packed_tokens = 0
        self.row_tokens = 0
        self._last_log = (time.perf_counter(), 0)
        self._threads: SharedThreads | None = None

    @property
    def tuned(self) -> PeftModel:
        """The model with its adapter."""
        return cast(PeftModel, self.model)

    def share_threads(self, asked: Callable[[], bool]) -> None:
        """Train with a thread less while ``asked`` says so, where that changes no number.

        See :mod:`finsent.training.sharing`. Not where several processes wait for one another at each step.
        """
        alone = self.args.use_cpu and self.args.world_size == 1 and torch.get_num_threads() > 1
        if alone and same_with_fewer_threads(self.tuned, torch.bfloat16 if self.args.bf16 else torch.float32):
            self._threads = SharedThreads(self.tuned, asked)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Take a step forwards and backwards; what follows it has all threads."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[no-untyped-call]
        if self._threads is not None:
            self._threads.take_all()
        return loss

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

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Evaluate the loss as usual, then score the validation rows' labels and report accuracy beside it."""
        output = super().evaluation_loop(*args, **kwargs)
        scored = predict(self.tuned, cast(PreTrainedTokenizerBase, self.processing_class), self.validation_rows)
        if self.at_evaluation is not None:
            self.at_evaluation(self.state.global_step, scored)
        figures = evaluate_predictions(scored)
        scores = {f"eval_{name}": getattr(figures, name) for name in ("accuracy", "macro_f1", "neutral_as_positive")}
        measured = {name: value for name, value in scores.items() if value is not None}
        # Evaluations are not training: leave them out of the speed.
        self._last_log = (time.perf_counter(), self.packed_tokens)
        return output._replace(metrics=(output.metrics or {}) | measured)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with the number of packed tokens a second since the last training log."""
        if "loss" in logs:
            now, tokens = time.perf_counter(), self.packed_tokens
            then, before = self._last_log
            logs["tokens_per_second"] = (tokens - before) / max(now - then, 1e-9)
            self._last_log = (now, tokens)
        super().log(logs, start_time)


def lora_matrices(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of the matrices of a model's LoRA, by name."""
    return {name: matrix.detach().clone() for name, matrix in model.named_parameters() if "lora_" in name}


def learned_nothing(model: torch.nn.Module, began_with: dict[str, torch.Tensor] | None = None) -> bool:
    """Whether a model's LoRA is still as it was at the start.

    That is where every B matrix is zero, so that it changes no answer; of a run that continues another one, where
    every matrix is the one that it ``began_with``.
    """
    if began_with is not None:
        return all(torch.equal(matrix, began_with[name]) for name, matrix in lora_matrices(model).items())
    return not any(bool(matrix.any()) for name, matrix in model.named_parameters() if "lora_B" in name)


def make_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    train_rows: pd.DataFrame,
    validation_rows: pd.DataFrame,
    folder: Path,
    at_step: Callable[[int, int], bool] | None,
    at_evaluation: AtEvaluation | None = None,
) -> PackedTrainer:
    """Return a trainer that adds LoRA to the model and trains it on the rows; writes below ``folder``.

    ``at_step`` is called after each step (see :class:`Watch`); with None the last step is nothing special.
    ``at_evaluation`` is called after each evaluation (see :class:`PackedTrainer`).

    Raises:
        DataError: a row does not fit into ``max_length`` tokens.
    """
    dtype = resolve_dtype(recipe.compute_dtype, model.device.type)
    encode: Callable[[PreTrainedTokenizerBase, pd.DataFrame, int], list[dict[str, Any]]] = encode_rows
    collator: Callable[[list[dict[str, Any]]], dict[str, Any]]
    collator = PackingCollator(dtype, model.device.type, whole_sequence=recipe.loss == "sequence")
    if recipe.loss == "answers":
        encode, collator = encode_choices, ChoiceCollator(dtype, model.device.type)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    trainer = PackedTrainer(
        model=model,
        args=training_arguments(recipe, len(train_rows), folder / "checkpoints", model.device.type),
        train_dataset=Dataset.from_list(_filled_up(encode(tokenizer, train_rows, recipe.max_length), recipe)),
        eval_dataset=Dataset.from_list(encode(tokenizer, validation_rows, recipe.max_length)),
        data_collator=collator,
        processing_class=tokenizer,
        peft_config=lora_config(recipe, model),
        callbacks=_callbacks(recipe, folder, at_step),
        recipe=recipe,
        validation_rows=validation_rows,
        at_evaluation=at_evaluation,
    )
    if model.device.type == "cpu":
        use_cut_dropout(trainer.tuned)
    for parameter in trainer.tuned.parameters():
        if parameter.requires_grad:
            # TRL casts LoRA on 4-bit models to bfloat16, whose 8 bits of precision swallow AdamW's small steps.
            parameter.data = parameter.data.float()
    return trainer


def snapshots_dir(folder: Path) -> Path:
    """Return where a run keeps the adapters that it averages."""
    return folder / "checkpoints" / "averaged"


def _callbacks(recipe: Recipe, folder: Path, at_step: Callable[[int, int], bool] | None) -> list[TrainerCallback]:
    callbacks: list[TrainerCallback] = [GradientGuard(), LowerLossOfEquals()]
    if at_step is not None:
        callbacks.append(Watch(at_step))
    if recipe.checkpoint == "averaged":
        callbacks.append(Snapshots(snapshots_dir(folder)))
    return callbacks


def _filled_up(encoded: list[dict[str, Any]], recipe: Recipe) -> list[dict[str, Any]]:
    """Fill the rows up with blank ones to whole batches where processes share them, so that none is given twice."""
    if recipe.processes == 1:
        return encoded
    blanks = [encoded[0] | {"blank": True}] * (-len(encoded) % recipe.batch_size)
    return [row | {"blank": False} for row in encoded] + blanks


def lora_config(recipe: Recipe, model: PreTrainedModel) -> LoraConfig:
    """Return PEFT's configuration of a recipe's LoRA matrices on a model; raises ModelError where it has none."""
    return LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=own_names(model, recipe.target_modules),
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
        learning_rate=recipe.learning_rate,
        # The schedule of that name has no warm-up.
        lr_scheduler_type="constant_with_warmup" if recipe.schedule == "constant" else recipe.schedule,
        warmup_steps=warmup_steps(recipe, rows),
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
