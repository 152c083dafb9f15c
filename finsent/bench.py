"""Speed and memory, side by side with plain TRL and with generation, in one process tree, alternating.

Absolute times depend on the machine and on what else it does; ratios of alternating runs do much less. Each figure
is the median over pairs with its range and their number. Training and scoring are also set against the matrix
multiplication peak that the machine reaches on the model's own shapes, counted on useful operations alone:
4 × (parameters in linear layers) × tokens for a training step with frozen weights (forward, and backward to the
inputs), 2 × for scoring; attention, embeddings, logits and LoRA are left out of the count, dequantisation too.
"""

import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Figure = dict[str, float | int]
GROWTH = (1, 4, 16)
#: A turn of the scoring growth has so many times the rows of another turn, since few rows do not fill a forward pass.
SCORED_TIMES = 8
_PEAK = "peak"


def run_bench(model: str, source: str, pairs: int = 5, rows: int = 32) -> dict[str, Any]:
    """Return every figure of the benchmark; ``rows`` is the number of rows of one side's turn.

    Raises:
        DataError, ModelError: the data or the model cannot be used.
    """
    import torch
    import transformers

    from finsent.datasets import load_data, sample_rows
    from finsent.models import compute_device, resolve_dtype
    from finsent.world import hardware, usable_cores

    transformers.utils.logging.disable_progress_bar()
    if not torch.cuda.is_available():
        torch.set_num_threads(usable_cores())
    table = sample_rows(load_data(source).rows, rows * SCORED_TIMES * GROWTH[-1], seed=0)
    with tempfile.TemporaryDirectory() as folder:
        speed = _speed_figures(model, table, rows, pairs, Path(folder))
    gc.collect()
    growth = speed.pop("growth") | _memory_growth(model, source, rows)
    return {
        "model": model,
        "rows": rows,
        "pairs": pairs,
        "hardware": hardware(),
        "computes_in": str(resolve_dtype("auto", compute_device())).removeprefix("torch."),
        **speed,
        "memory": _memory_figures(model, source),
        "growth": growth,
    }


def bench_table(figures: dict[str, Any]) -> str:
    """Return the figures of :func:`run_bench` as a table for people."""
    lines = [f"{'':<44}{'median':>9}{'min':>9}{'max':>9}{'n':>5}"]
    for part in ("train", "score", "growth"):
        for name, value in figures[part].items():
            if isinstance(value, dict) and "median" in value:
                numbers = "".join(f"{value[key]:>9.2f}" for key in ("median", "min", "max"))
                lines.append(f"{part + ' ' + name:<44}{numbers}{value['n']:>5}")
    lines += [f"{'memory ' + name:<44}{size / 2**20:>9,.0f} MiB" for name, size in figures["memory"].items()]
    for part, profile in figures["profile"].items():
        lines += [f"{part + ' time in ' + kind:<64}{share:>7.1%}" for kind, share in profile["shares"].items()]
    return "\n".join(lines)


def figure(values: Sequence[float]) -> Figure:
    """Return median, range and number of some measurements."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}


def alternate(sides: dict[Any, Callable[[], float]], pairs: int) -> dict[Any, list[float]]:
    """Return what each side measures (seconds) in ``pairs`` turns, after one turn of each that is not counted."""
    seconds: dict[Any, list[float]] = {name: [] for name in sides}
    for turn in range(pairs + 1):
        for name, run in sides.items():
            taken = run()
            if turn:
                seconds[name].append(taken)
    return seconds


def ratios(slow: Sequence[float], fast: Sequence[float]) -> Figure:
    """Return how many times as fast one side is as the other, turn by turn."""
    return figure([one / other for one, other in zip(slow, fast, strict=True)])


def _speed_figures(model: str, table: Any, rows: int, pairs: int, folder: Path) -> dict[str, Any]:
    from finsent.bench_profile import profile_of
    from finsent.bench_sides import scoring_sides
    from finsent.datasets import sample_rows

    some = sample_rows(table, rows, seed=0)
    train, side = _train_figures(model, some, pairs, folder)
    growth = _growth("train", lambda part: lambda: side.run_on(part), table, rows, pairs)
    # After the longest of these turns the model has learnt to stop after its label.
    tuned = (side.model, side.trainer.processing_class)
    scored = rows * SCORED_TIMES
    growth |= _growth("score", lambda part: scoring_sides(*tuned, part)["finsent"], table, scored, pairs)
    score = _score_figures(model, tuned, some, pairs)
    profile = {
        "train": profile_of(lambda: side.run_on(some)),
        "score": profile_of(scoring_sides(*tuned, some)["finsent"]),
    }
    return {"train": train, "score": score, "growth": growth, "profile": profile}


def _train_figures(model: str, rows: Any, pairs: int, folder: Path) -> tuple[dict[str, Any], Any]:
    from finsent.bench_sides import TRAINING_SIDES, TRL_BEST, training_side

    sides = {name: training_side(name, model, rows, 8, folder / name) for name in TRAINING_SIDES}
    ours = sides["finsent"]
    batch = ours.trainer.data_collator([ours.trainer.train_dataset[i] for i in range(8)])["input_ids"].numel()
    turns = {name: side.run for name, side in sides.items()}
    # The peak is measured in each turn, since what else the machine does changes it as it changes the sides.
    seconds = alternate(turns | {_PEAK: lambda: matmul_peak(ours.model, batch)}, pairs)
    peaks = seconds.pop(_PEAK)
    tokens = ours.trainer.packed_tokens / (pairs + 1)
    useful = 4 * linear_parameters(ours.model) * tokens
    best = min(TRL_BEST, key=lambda name: statistics.median(seconds[name]))
    figures = {
        "speedup_vs_trl_tutorial": ratios(seconds["trl_tutorial"], seconds["finsent"]),
        "speedup_vs_trl_best": ratios(seconds[best], seconds["finsent"]),
        "share_of_peak": _shares(useful, seconds["finsent"], peaks),
        "seconds_per_row": {name: figure([taken / len(rows) for taken in values]) for name, values in seconds.items()},
        "peak_gflops": figure([peak / 1e9 for peak in peaks]),
        "tokens_packed_per_row": tokens / len(rows),
        "tokens_per_row": ours.trainer.row_tokens / (pairs + 1) / len(rows),
    }
    return figures, ours


def _score_figures(model: str, tuned: tuple[Any, Any], rows: Any, pairs: int) -> dict[str, Any]:
    from finsent.bench_sides import scoring_sides, written_tokens
    from finsent.models import load_base

    after = alternate(scoring_sides(*tuned, rows) | {_PEAK: lambda: matmul_peak(tuned[0], tokens=512)}, pairs)
    peaks = after.pop(_PEAK)
    base = load_base(model)
    before = alternate(scoring_sides(*base, rows), pairs)
    tokens = _scored_tokens(tuned[1], rows)
    useful = 2 * linear_parameters(tuned[0]) * tokens
    return {
        "speedup_vs_generate_loop": ratios(after["generate_loop"], after["finsent"]),
        "speedup_vs_generate_loop_baseline": ratios(before["generate_loop"], before["finsent"]),
        "speedup_vs_generate_batched": ratios(after["generate_batched"], after["finsent"]),
        "share_of_peak": _shares(useful, after["finsent"], peaks),
        "seconds_per_row": {name: figure([taken / len(rows) for taken in values]) for name, values in after.items()},
        "peak_gflops": figure([peak / 1e9 for peak in peaks]),
        "written_tokens_per_row": {"tuned": written_tokens(*tuned, rows), "baseline": written_tokens(*base, rows)},
    }


def _shares(useful: float, seconds: Sequence[float], peaks: Sequence[float]) -> Figure:
    """Return the share of the peak of the same turn that useful operations reach."""
    return figure([useful / taken / peak for taken, peak in zip(seconds, peaks, strict=True)])


def _growth(
    name: str, turn: Callable[[Any], Callable[[], float]], table: Any, rows: int, pairs: int
) -> dict[str, Figure]:
    """Seconds a row with 4 and 16 times as many rows, as a multiple of that with the fewest."""
    parts = {times: table.head(rows * times) for times in GROWTH}
    seconds = alternate({times: turn(part) for times, part in parts.items()}, max(2, pairs // 2))
    per_row = {times: [taken / len(parts[times]) for taken in values] for times, values in seconds.items()}
    return {f"{name}_{times}x": ratios(per_row[times], per_row[1]) for times in GROWTH[1:]}


def _memory_figures(model: str, source: str) -> dict[str, Any]:
    """Peak resident memory of two training steps, each side in a process of its own, in bytes."""
    from finsent.bench_sides import TRL_BEST

    return {
        f"{name}_batch_{batch}": _peak_memory(name, batch, model, source)
        for batch in (8, 32)
        for name in ("finsent", "finsent_checkpointing", "trl_tutorial", *TRL_BEST)
    }


def _memory_growth(model: str, source: str, rows: int) -> dict[str, Figure]:
    """Peak resident memory with 16 times as many rows, as a multiple of that with the fewest."""
    figures = {}
    for name, side in (("score", "score"), ("train", "finsent")):
        few, many = (_peak_memory(side, 8, model, source, rows * times) for times in (GROWTH[0], GROWTH[-1]))
        figures[f"{name}_memory_{GROWTH[-1]}x"] = figure([many / few])
    return figures


def _peak_memory(side: str, batch: int, model: str, source: str, *rows: int) -> int:
    command = [sys.executable, "-m", "finsent.bench_sides", side, str(batch), model, source, *map(str, rows)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent, check=True)
    return int(done.stdout.strip().splitlines()[-1])


def linear_parameters(model: Any) -> int:
    """Return the number of weights in the 4-bit linear layers (the real number, not that of packed bytes)."""
    from bitsandbytes.nn import Linear4bit

    return sum(m.in_features * m.out_features for m in model.modules() if isinstance(m, Linear4bit))


def matmul_peak(model: Any, tokens: int) -> float:
    """Return the floating-point operations a second that ``torch.mm`` reaches on a model's linear shapes.

    Same threads, type and device as the model; each shape counts as often as the model has it.
    """
    import torch
    from bitsandbytes.nn import Linear4bit

    shapes: dict[tuple[int, int], int] = {}
    for module in model.modules():
        if isinstance(module, Linear4bit):
            shape = (module.in_features, module.out_features)
            shapes[shape] = shapes.get(shape, 0) + 1
    operations = seconds = 0.0
    for (inputs, outputs), count in shapes.items():
        left = torch.randn(tokens, inputs, dtype=model.dtype, device=model.device)
        right = torch.randn(inputs, outputs, dtype=model.dtype, device=model.device)
        seconds += count * _best_seconds(lambda left=left, right=right: torch.mm(left, right))
        operations += count * 2 * tokens * inputs * outputs
    return operations / seconds


def _best_seconds(work: Callable[[], Any], repeats: int = 30) -> float:
    import torch

    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _scored_tokens(tokenizer: Any, rows: Any) -> int:
    """Tokens that scoring must compute: each row's own, and each shared prefix once."""
    from finsent.encoding import tokenize
    from finsent.packing import common_prefix_length

    total = 0
    for _, group in rows.groupby("system_prompt"):
        prompts = tokenize(tokenizer, group["prompt"].tolist())
        prefix = common_prefix_length(prompts)
        total += prefix + sum(len(prompt) - prefix for prompt in prompts)
    return total
