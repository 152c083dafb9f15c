"""The tutorial's own world on a GPU: a model of Qwen3-0.6B's exact shape, trained and scored beside plain TRL.

The weights are random, since speed and memory do not depend on their values; the tokenizer is that of the model that
the bench is given. Peak memory is what PyTorch's allocator held at most, the model included.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from finsent.bench.bench import Bench
from finsent.bench.figures import alternate, figure
from finsent.bench.growth import memory
from finsent.bench.speed import scoring, training
from finsent.inference.encoding import encode_rows
from finsent.models.base import QWEN3_CONFIG, compute_device, load_base, resolve_model
from finsent.models.memory import memory_account
from finsent.recipe import Recipe, change_recipe, get_recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from finsent.training.trainer import PackedTrainer

#: Steps of the tutorial's recipe that are trained, and those among them that warm the machine up.
TUTORIAL_STEPS = 50
_WARM_UP_STEPS = 5
NO_GPU = "PyTorch finds no GPU here, so there is nothing to measure. Run this on a machine with a CUDA device."


def gpu(bench: Bench) -> dict[str, Any]:
    """Return training and scoring beside plain TRL, the tutorial's recipe, and 4-bit beside 16-bit weights on a GPU.

    Without a GPU the only figure is a ``note`` that says so.
    """
    import torch

    if compute_device() != "cuda":
        return {"note": NO_GPU}
    folder = shaped_model(bench.model, QWEN3_CONFIG, bench.folder / "qwen3-0.6b-shape")
    shaped = Bench(str(folder), bench.source, bench.pairs, bench.rows, bench.folder, bench.threads)
    figures: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    # First, since what the other parts leave on the GPU would count for its memory.
    figures |= tutorial_figures(str(folder), bench.table, bench.folder)
    return figures | {"training": training(shaped), "scoring": scoring(shaped), "memory": memory(shaped)}


def tutorial_figures(model: str, table: pd.DataFrame, folder: Path, steps: int = TUTORIAL_STEPS) -> dict[str, Any]:
    """Return some steps of the tutorial's recipe, and its pass on 4-bit beside 16-bit weights; takes any device."""
    recipe = change_recipe(get_recipe("tutorial"), {"model": model})
    return {
        "tutorial": _tutorial(recipe, table, folder / "tutorial", steps),
        "weights": _weights(recipe, table, folder),
    }


def shaped_model(name: str, shape: dict[str, Any], folder: Path) -> Path:
    """Write a Qwen3 with random bfloat16 weights (seed 0) and the tokenizer of a model, and return the folder."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    with torch.device(compute_device()):
        model = Qwen3ForCausalLM(Qwen3Config(**shape))
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(resolve_model(name).path, trust_remote_code=False).save_pretrained(folder)
    return folder


def _tutorial(recipe: Recipe, table: pd.DataFrame, folder: Path, steps: int) -> dict[str, Any]:
    """Seconds a step, tokens a second and peak memory of the tutorial's recipe, beside the memory account."""
    model, tokenizer = load_base(recipe.model, recipe.compute_dtype)
    ends: list[float] = []

    def at_step(step: int, total: int) -> bool:
        _wait()
        ends.append(time.perf_counter())
        return len(ends) >= steps

    trainer = _trainer(model, tokenizer, recipe, table, folder, at_step)
    peak = _peak_of(trainer.train)
    warm = min(_WARM_UP_STEPS, steps // 2)
    taken = [after - before for before, after in zip(ends[warm - 1 :], ends[warm:], strict=False)]
    lengths = [len(row["input_ids"]) for row in encode_rows(tokenizer, table, recipe.max_length)]
    unpacked = trainer.row_tokens / len(ends)
    packed = trainer.packed_tokens / len(ends)
    rows = recipe.batch_size * recipe.gradient_accumulation
    shared = (unpacked - packed) / (rows - recipe.gradient_accumulation)
    device: Literal["cpu", "cuda"] = "cuda" if compute_device() == "cuda" else "cpu"
    account = memory_account(model.config, recipe, statistics.mean(lengths), shared, device=device)
    return {
        "steps": len(ends),
        "rows_per_step": rows,
        "seconds_per_step": figure(taken),
        "tokens_per_second": unpacked / statistics.median(taken),
        "packed_tokens_per_second": packed / statistics.median(taken),
        "peak_memory_bytes": peak,
        "memory_account_bytes": account.total,
    }


def _weights(recipe: Recipe, table: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of a pass over 64 rows with NF4 and with 16-bit weights, in alternating turns."""
    rows = table.head(8 * recipe.batch_size)
    alone = change_recipe(recipe, {"gradient_accumulation": 1, "epochs": 1})
    trainers, sizes = {}, {}
    for name, load in (("nf4", load_base), ("bfloat16", _load_16_bit)):
        model, tokenizer = load(recipe.model, recipe.compute_dtype)
        sizes[name] = sum(part.numel() * part.element_size() for part in model.parameters())
        trainers[name] = _trainer(model, tokenizer, alone, rows, folder / name, lambda step, total: False)
    turns = {name: _timed(trainer.train) for name, trainer in trainers.items()}
    seconds = alternate(turns, pairs=5)
    return {
        name: {"seconds_per_row": figure([one / len(rows) for one in seconds[name]]), "model_bytes": sizes[name]}
        for name in trainers
    }


def _trainer(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    recipe: Recipe,
    rows: pd.DataFrame,
    folder: Path,
    at_step: Callable[[int, int], bool],
) -> "PackedTrainer":
    from finsent.training.trainer import make_trainer

    trainer = make_trainer(model, tokenizer, recipe, rows, rows.head(recipe.batch_size), folder, at_step)
    # Training alone is timed; evaluations and checkpoints are not.
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    return trainer


def _load_16_bit(name: str, compute_dtype: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Load a base model as LoRA without quantisation trains it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from finsent.models.attention import use_tree_attention

    path = str(resolve_model(name).path)
    model = AutoModelForCausalLM.from_pretrained(
        path,
        dtype=getattr(torch, compute_dtype),
        device_map={"": compute_device()},
        attn_implementation="sdpa",
        use_safetensors=True,
        trust_remote_code=False,
    )
    use_tree_attention(model)
    model.requires_grad_(False)
    model.train(False)
    return model, AutoTokenizer.from_pretrained(path, trust_remote_code=False)


def _peak_of(work: Callable[[], Any]) -> int | None:
    """Return the most bytes that the GPU's allocator held during some work; None on a CPU, where a process has one."""
    import torch

    if compute_device() != "cuda":
        work()
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work()
    return torch.cuda.max_memory_allocated()


def _timed(work: Callable[[], Any]) -> Callable[[], float]:
    def run() -> float:
        _wait()
        started = time.perf_counter()
        work()
        _wait()
        return time.perf_counter() - started

    return run


def _wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
