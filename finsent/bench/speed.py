"""Speed of training beside plain TRL and of scoring beside generation, in one process, alternating.

Both are also set against the matrix multiplication peak that the machine reaches on the model's own shapes, counted on
useful operations alone: 4 × (parameters in linear layers) × tokens for a training step with frozen weights (forward,
and backward to the inputs), 2 × for scoring; attention, embeddings, logits and LoRA are left out of the count,
dequantisation too.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from finsent.bench.bench import Bench
from finsent.bench.figures import Figure, alternate, figure, ratios
from finsent.inference.encoding import tokenize
from finsent.models.base import load_base
from finsent.models.tree import common_prefix_length

if TYPE_CHECKING:
    from bitsandbytes.nn.modules import Linear4bit
    from datasets import Dataset
    from torch.nn import Module
    from transformers import PreTrainedTokenizerBase

_PEAK = "peak"


def training(bench: Bench) -> dict[str, Any]:
    """Return how fast finsent trains, beside TRL as the tutorial sets it up and at its best."""
    from finsent.bench.sides import TRL_BEST, TRL_SIDES, trl_side

    others = {name: trl_side(name, bench.model, bench.some, 8, bench.folder / name) for name in TRL_SIDES}
    trainer = bench.side.packed
    before = (trainer.packed_tokens, trainer.row_tokens)
    dataset = cast("Dataset", trainer.train_dataset)
    batch = trainer.data_collator([dataset[i] for i in range(8)])["input_ids"].numel()
    turns = {"finsent": bench.side.run} | {name: side.run for name, side in others.items()}
    # The peak is measured in each turn, since what else the machine does changes it as it changes the sides.
    seconds = alternate(turns | {_PEAK: lambda: matmul_peak(bench.side.model, batch)}, bench.pairs)
    peaks = seconds.pop(_PEAK)
    rows = len(bench.some)
    packed, unpacked = trainer.packed_tokens - before[0], trainer.row_tokens - before[1]
    tokens = packed / (bench.pairs + 1)
    best = min(TRL_BEST, key=lambda name: statistics.median(seconds[name]))
    return {
        "speedup_vs_trl_tutorial": ratios(seconds["trl_tutorial"], seconds["finsent"]),
        "speedup_vs_trl_best": ratios(seconds[best], seconds["finsent"]),
        "share_of_peak": _shares(4 * linear_parameters(bench.side.model) * tokens, seconds["finsent"], peaks),
        "seconds_per_row": _per_row(seconds, rows),
        "peak_gflops": figure([peak / 1e9 for peak in peaks]),
        "tokens_packed_per_row": tokens / rows,
        "tokens_per_row": unpacked / (bench.pairs + 1) / rows,
    }


def scoring(bench: Bench) -> dict[str, Any]:
    """Return how fast finsent scores, beside generation one by one and in batches, after training and before."""
    from finsent.bench.sides import scoring_sides, written_tokens

    tuned, rows = bench.tuned, bench.some
    after = alternate(scoring_sides(*tuned, rows) | {_PEAK: lambda: matmul_peak(tuned[0], tokens=512)}, bench.pairs)
    peaks = after.pop(_PEAK)
    base = load_base(bench.model)
    before = alternate(scoring_sides(*base, rows), bench.pairs)
    useful = 2 * linear_parameters(tuned[0]) * _scored_tokens(tuned[1], rows)
    return {
        "speedup_vs_generate_loop": ratios(after["generate_loop"], after["finsent"]),
        "speedup_vs_generate_loop_baseline": ratios(before["generate_loop"], before["finsent"]),
        "speedup_vs_generate_batched": ratios(after["generate_batched"], after["finsent"]),
        "share_of_peak": _shares(useful, after["finsent"], peaks),
        "seconds_per_row": _per_row(after, len(rows)),
        "peak_gflops": figure([peak / 1e9 for peak in peaks]),
        "written_tokens_per_row": {"tuned": written_tokens(*tuned, rows), "baseline": written_tokens(*base, rows)},
    }


def linear_parameters(model: "Module") -> int:
    """Return the number of weights in the 4-bit linear layers (the real number, not that of packed bytes)."""
    return sum(layer.in_features * layer.out_features for layer in _linear_layers(model))


def matmul_peak(model: Any, tokens: int) -> float:
    """Return the floating-point operations a second that ``torch.mm`` reaches on a model's linear shapes.

    Same threads, type and device as the model; each shape counts as often as the model has it.
    """
    import torch

    shapes: dict[tuple[int, int], int] = {}
    for layer in _linear_layers(model):
        shape = (layer.in_features, layer.out_features)
        shapes[shape] = shapes.get(shape, 0) + 1
    operations = seconds = 0.0
    for (inputs, outputs), count in shapes.items():
        left = torch.randn(tokens, inputs, dtype=model.dtype, device=model.device)
        right = torch.randn(inputs, outputs, dtype=model.dtype, device=model.device)

        def product(left: torch.Tensor = left, right: torch.Tensor = right) -> None:
            torch.mm(left, right)

        seconds += count * _usual_seconds(product)
        operations += count * 2 * tokens * inputs * outputs
    return operations / seconds


def _linear_layers(model: "Module") -> "list[Linear4bit]":
    from bitsandbytes.nn.modules import Linear4bit

    return [module for module in model.modules() if isinstance(module, Linear4bit)]


def _usual_seconds(work: Callable[[], None], repeats: int = 30) -> float:
    import torch

    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _per_row(seconds: dict[str, list[float]], rows: int) -> dict[str, Figure]:
    return {name: figure([taken / rows for taken in values]) for name, values in seconds.items()}


def _shares(useful: float, seconds: Sequence[float], peaks: Sequence[float]) -> Figure:
    """Return the share of the peak of the same turn that useful operations reach."""
    return figure([useful / taken / peak for taken, peak in zip(seconds, peaks, strict=True)])


def _scored_tokens(tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame) -> int:
    """Tokens that scoring must compute: each row's own, and each shared prefix once."""
    total = 0
    for _, group in rows.groupby("system_prompt"):
        prompts = tokenize(tokenizer, group["prompt"].tolist())
        prefix = common_prefix_length(prompts)
        total += prefix + sum(len(prompt) - prefix for prompt in prompts)
    return total
