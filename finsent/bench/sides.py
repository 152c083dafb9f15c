"""The sides of a benchmark: finsent's training and scoring, and what they are measured against.

Every side does the same work on the same rows. Run as ``python -m finsent.bench.sides THREADS SIDE BATCH MODEL SOURCE
[ROWS]`` it trains on two batches, or on ROWS rows, and prints the process's peak memory in bytes; ``score`` scores them
instead.
"""

import copy
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from datasets import Dataset
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from finsent.data.dataset import load_data, sample_rows
from finsent.inference.encoding import encode_rows
from finsent.inference.scoring import score_labels
from finsent.machine import peak_memory
from finsent.models.base import load_base
from finsent.prompts import completion
from finsent.recipe import change_recipe, get_recipe
from finsent.training.trainer import PackedTrainer, lora_config, make_trainer

NEW_TOKENS = 16
GENERATION_BATCH = 8
#: SFTTrainer at its best is set up in both number formats; the faster one on this machine is what counts.
TRL_BEST = ("trl_best_float32", "trl_best_bfloat16")
TRL_SIDES = ("trl_tutorial", *TRL_BEST)

Pair = tuple[PreTrainedModel, PreTrainedTokenizerBase]


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
        if self._begun is not None:
            self.seconds = time.perf_counter() - self._begun


class TrainingSide:
    """One way to train: ``run()`` takes one pass over its rows and returns the seconds of its steps."""

    def __init__(self, trainer: SFTTrainer) -> None:
        self.trainer = trainer
        self.clock = StepClock()
        trainer.add_callback(self.clock)

    def run(self) -> float:
        """Train one epoch and return its seconds."""
        self.trainer.train()
        return self.clock.seconds


class PackedSide(TrainingSide):
    """finsent's way to train, which can be given other rows; ``model`` is the model as trained so far."""

    def __init__(self, trainer: PackedTrainer, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(trainer)
        self.packed = trainer
        # PEFT's wrapper acts as the model that it wraps.
        self.model = cast(PreTrainedModel, trainer.model)
        self.tokenizer = tokenizer

    def run_on(self, rows: pd.DataFrame) -> float:
        """Train one epoch on other rows and return its seconds."""
        self.packed.train_dataset = Dataset.from_list(encode_rows(self.tokenizer, rows, get_recipe("quick").max_length))
        return self.run()


def packed_side(
    model_name: str, rows: pd.DataFrame, batch: int, folder: Path, checkpointing: bool = False
) -> PackedSide:
    """Return finsent's side; with ``checkpointing`` it recomputes activations, as the tutorial's does, for memory."""
    model, tokenizer = load_base(model_name)
    changes = {"batch_size": batch, "checkpoint": "last", "gradient_checkpointing": checkpointing}
    recipe = change_recipe(get_recipe("quick"), changes)
    trainer = make_trainer(model, tokenizer, recipe, rows, rows.head(batch), folder, at_step=None)
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    return PackedSide(trainer, tokenizer)


def trl_side(name: str, model_name: str, rows: pd.DataFrame, batch: int, folder: Path) -> TrainingSide:
    """Return one of ``TRL_SIDES``.

    ``trl_tutorial`` is SFTTrainer as the tutorial sets it up: whole texts, padding, bfloat16, gradient checkpointing
    as TRL turns it on. ``trl_best_...`` is SFTTrainer at its best: the answer's loss alone, rows grouped by length, no
    checkpointing. The CPU kernel without a backward pass is kept out of all of them.
    """
    dtype = name.removeprefix("trl_best_") if name in TRL_BEST else "auto"
    return TrainingSide(_trl_trainer(name, *load_base(model_name, dtype), rows, batch, folder))


def _trl_trainer(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: pd.DataFrame,
    batch: int,
    folder: Path,
) -> SFTTrainer:
    recipe = get_recipe("tutorial")
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
    if name in TRL_BEST:
        records = _with_masks(tokenizer, rows, recipe.max_length)
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
        peft_config=lora_config(recipe, model),
    )


def _with_masks(tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame, max_length: int) -> list[dict[str, Any]]:
    """Return rows as tokens, with what of them is the answer and how long they are."""
    return [
        {
            "input_ids": row["input_ids"],
            "completion_mask": [int(i >= row["prompt_length"]) for i in range(len(row["input_ids"]))],
            "length": len(row["input_ids"]),
        }
        for row in encode_rows(tokenizer, rows, max_length)
    ]


def scoring_sides(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame
) -> dict[str, Callable[[], float]]:
    """Return the sides of the scoring benchmark; each answers every row once and returns the seconds it took."""
    left = copy.deepcopy(tokenizer)
    left.padding_side = "left"
    prompts = rows["prompt"].tolist()

    def generate(texts: list[str]) -> None:
        batch = left(texts, return_tensors="pt", padding=True).to(model.device)
        _write(model, left, batch)

    def loop() -> None:
        for prompt in prompts:
            generate([prompt])

    def batched() -> None:
        for start in range(0, len(prompts), GENERATION_BATCH):
            generate(prompts[start : start + GENERATION_BATCH])

    def finsent() -> None:
        score_labels(model, tokenizer, rows)

    sides = {"finsent": finsent, "generate_loop": loop, "generate_batched": batched}
    return {name: _timed(model, side) for name, side in sides.items()}


def written_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame) -> float:
    """Return how many tokens a model writes for a row before it stops by itself, at most ``NEW_TOKENS``; the mean."""
    model.train(False)
    counts: list[int] = []
    with torch.inference_mode():
        for prompt in rows["prompt"]:
            ids = tokenizer(prompt, return_tensors="pt").to(model.device)
            counts.append(_write(model, tokenizer, ids).shape[1] - ids["input_ids"].shape[1])
    return sum(counts) / len(counts)


def _write(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: BatchEncoding) -> torch.Tensor:
    # What generates is mixed into the class of each architecture.
    generate: Callable[..., torch.Tensor] = cast(Any, model).generate
    return generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=tokenizer.pad_token_id)


def _timed(model: PreTrainedModel, work: Callable[[], None]) -> Callable[[], float]:
    def run() -> float:
        model.train(False)
        started = time.perf_counter()
        with torch.inference_mode():
            work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return run


def measure_memory(name: str, batch: int, model_name: str, source: str, rows: int | None = None) -> int:
    """Return this process's peak memory in bytes after one turn of a side, ``score`` or one that trains."""
    # The longest row comes along however many are drawn, since memory is that of the largest batch.
    table = load_data(source).rows
    table = table.loc[table["prompt"].str.len().sort_values(ascending=False, kind="stable").index]
    drawn = pd.concat([table.head(batch), sample_rows(table.iloc[batch:], (rows or 2 * batch) - batch, seed=0)])
    drawn = drawn.reset_index(drop=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if name == "score":
            scoring_sides(*load_base(model_name), drawn)["finsent"]()
        elif name in TRL_SIDES:
            trl_side(name, model_name, drawn, batch, folder).run()
        else:
            packed_side(model_name, drawn, batch, folder, name == "finsent_checkpointing").run()
    return peak_memory()


if __name__ == "__main__":
    threads, side, batch_size, model, data, *how_many = sys.argv[1:]
    torch.set_num_threads(int(threads))
    print(measure_memory(side, int(batch_size), model, data, *map(int, how_many)))
