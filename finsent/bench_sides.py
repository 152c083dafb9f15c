"""The sides of a benchmark: finsent's training and scoring, and what they are measured against.

Every side does the same work on the same rows. Run as ``python -m finsent.bench_sides SIDE BATCH MODEL SOURCE [ROWS]``
it trains on two batches, or on ROWS rows, and prints the process's peak memory in bytes; ``score`` scores them instead.
"""

import copy
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl import SFTConfig, SFTTrainer

from finsent.encoding import encode_rows
from finsent.models import load_base
from finsent.prompts import completion
from finsent.recipes import Recipe, change_recipe, get_recipe
from finsent.scoring import score_labels
from finsent.training import PackedTrainer, lora_config, make_trainer

NEW_TOKENS = 16
GENERATION_BATCH = 8
#: SFTTrainer at its best is set up in both number formats; the faster one on this machine is what counts.
TRL_BEST = ("trl_best_float32", "trl_best_bfloat16")
TRAINING_SIDES = ("finsent", "trl_tutorial", *TRL_BEST)


class StepClock(TrainerCallback):
    """Measures the seconds from the first step's begin to the last step's end."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget the training before."""
        self._begun = None

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start at the first step."""
        if self._begun is None:
            self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop, so far."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self._begun


@dataclass
class TrainingSide:
    """One way to train: ``run()`` takes one pass over its rows and returns the seconds of its steps."""

    trainer: SFTTrainer
    clock: StepClock

    def run(self) -> float:
        """Train one epoch and return its seconds."""
        self.trainer.train()
        return self.clock.seconds

    def run_on(self, rows: pd.DataFrame) -> float:
        """Train one epoch on other rows, which finsent's trainer alone can, and return its seconds."""
        encoded = encode_rows(self.trainer.processing_class, rows, get_recipe("quick").max_length)
        self.trainer.train_dataset = Dataset.from_list(encoded)
        return self.run()

    @property
    def model(self) -> PeftModel:
        """The model as trained so far."""
        return self.trainer.model


def training_side(name: str, model_name: str, rows: pd.DataFrame, batch: int, folder: Path) -> TrainingSide:
    """Return a side of the training benchmark, one of ``TRAINING_SIDES``, or ``finsent_checkpointing``.

    The latter recomputes activations, as the tutorial's side does, and is for memory alone.
    ``trl_tutorial`` is SFTTrainer as the tutorial sets it up: whole texts, padding, bfloat16, gradient checkpointing
    as TRL turns it on. ``trl_best_...`` is SFTTrainer at its best: the answer's loss alone, rows grouped by length, no
    checkpointing. The CPU kernel without a backward pass is kept out of all of them.
    """
    dtype = name.removeprefix("trl_best_") if name in TRL_BEST else "auto"
    model, tokenizer = load_base(model_name, dtype)
    clock = StepClock()
    if name.startswith("finsent"):
        checkpointing = name == "finsent_checkpointing"
        trainer = _finsent_trainer(model, tokenizer, rows, batch, folder, checkpointing)
    else:
        trainer = _trl_trainer(name, model, tokenizer, rows, batch, folder)
    trainer.add_callback(clock)
    return TrainingSide(trainer, clock)


def _finsent_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: pd.DataFrame,
    batch: int,
    folder: Path,
    checkpointing: bool,
) -> PackedTrainer:
    changes = {"batch_size": batch, "checkpoint": "last", "gradient_checkpointing": checkpointing}
    recipe = change_recipe(get_recipe("quick"), changes)
    trainer = make_trainer(model, tokenizer, recipe, rows, rows.head(batch), folder, at_step=None)
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    return trainer


def _trl_trainer(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: pd.DataFrame,
    batch: int,
    folder: Path,
) -> SFTTrainer:
    recipe: Recipe = get_recipe("tutorial")
    best = name in TRL_BEST
    cpu = model.device.type == "cpu"
    options: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": batch,
        "num_train_epochs": 1,
        "learning_rate": recipe.learning_rate,
        "max_length": None,
        "use_cpu": cpu,
        "dataloader_pin_memory": not cpu,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "logging_steps": 1_000,
    }
    if best:
        records = [
            {
                "input_ids": row["input_ids"],
                "completion_mask": [int(i >= row["prompt_length"]) for i in range(len(row["input_ids"]))],
                "length": len(row["input_ids"]),
            }
            for row in encode_rows(tokenizer, rows, recipe.max_length)
        ]
        options |= {
            "completion_only_loss": True,
            "bf16": name.endswith("bfloat16"),
            "activation_checkpointing": False,
            "train_sampling_strategy": "group_by_length",
        }
    else:
        texts = [prompt + completion(label) for prompt, label in zip(rows["prompt"], rows["label"], strict=True)]
        records = [{"text": text} for text in texts]
        options |= {"bf16": True, "logging_steps": recipe.logging_steps}
    return SFTTrainer(
        model,
        SFTConfig(**options),
        train_dataset=Dataset.from_list(records),
        processing_class=tokenizer,
        peft_config=lora_config(recipe),
    )


def scoring_sides(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame
) -> dict[str, Callable[[], float]]:
    """Return the sides of the scoring benchmark; each answers every row once and returns the seconds it took."""
    left = copy.deepcopy(tokenizer)
    left.padding_side = "left"
    prompts = rows["prompt"].tolist()

    def generate(texts: list[str]) -> None:
        batch = left(texts, return_tensors="pt", padding=True).to(model.device)
        model.generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=left.pad_token_id)

    def loop() -> None:
        for prompt in prompts:
            generate([prompt])

    def batched() -> None:
        for start in range(0, len(prompts), GENERATION_BATCH):
            generate(prompts[start : start + GENERATION_BATCH])

    def finsent() -> None:
        score_labels(model, tokenizer, rows, attention="causal")

    sides = {"finsent": finsent, "generate_loop": loop, "generate_batched": batched}
    return {name: _timed(model, side) for name, side in sides.items()}


def written_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame) -> float:
    """Return how many tokens a model writes for a row before it stops by itself, at most ``NEW_TOKENS``; the mean."""
    model.eval()
    counts = []
    with torch.inference_mode():
        for prompt in rows["prompt"]:
            ids = tokenizer(prompt, return_tensors="pt").to(model.device)
            output = model.generate(
                **ids, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=tokenizer.pad_token_id
            )
            counts.append(output.shape[1] - ids["input_ids"].shape[1])
    return sum(counts) / len(counts)


def _timed(model: PreTrainedModel, work: Callable[[], None]) -> Callable[[], float]:
    def run() -> float:
        model.eval()
        started = time.perf_counter()
        with torch.inference_mode():
            work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return run


def _measure_memory(name: str, batch: int, model_name: str, source: str, rows: int | None = None) -> int:
    from finsent.datasets import load_data, sample_rows
    from finsent.worker import peak_memory

    # The longest row comes along however many are drawn, since memory is that of the largest batch.
    table = load_data(source).rows
    table = table.loc[table["prompt"].str.len().sort_values(ascending=False, kind="stable").index]
    drawn = pd.concat([table.head(batch), sample_rows(table.iloc[batch:], (rows or 2 * batch) - batch, seed=0)])
    drawn = drawn.reset_index(drop=True)
    if name == "score":
        scoring_sides(*load_base(model_name), drawn)["finsent"]()
        return peak_memory()
    with tempfile.TemporaryDirectory() as folder:
        training_side(name, model_name, drawn, batch, Path(folder)).run()
    return peak_memory()


if __name__ == "__main__":
    side, batch_size, model, data, *how_many = sys.argv[1:]
    print(_measure_memory(side, int(batch_size), model, data, *map(int, how_many)))
