"""Where the time of a training pass and of a scoring pass goes, by PyTorch's profiler, in kinds of work.

A share of the machine's multiplication peak says how much is lost, a profile says to what.
"""

from collections.abc import Callable
from typing import Any

from finsent.bench.bench import Bench

#: Kinds of work, and what the names of their operations contain; the first that fits counts.
KINDS: dict[str, tuple[str, ...]] = {
    "4-bit weights unpacked": ("bitsandbytes", "MatMul4Bit"),
    "matrix products": ("::mm", "::addmm", "::bmm", "mkldnn"),
    "attention": ("attention",),
    "dropout": ("::random_", "::ge", "CutDropout"),
    "copies and casts": ("::copy_", "::_to_copy", "::clone", "::cat", "::index_select", "::scatter", "::contiguous"),
    "memory handed out": ("::empty", "::fill_", "::zero", "::resize"),
    "optimizer": ("Optimizer", "_foreach", "::sqrt", "::lerp", "::addcdiv"),
    "elementwise and norms": (
        "::mul",
        "::add",
        "::silu",
        "::pow",
        "::rsqrt",
        "::mean",
        "::sum",
        "::neg",
        "::div",
        "softmax",
    ),
}
OTHER = "everything else, PyTorch's dispatch included"


def profile(bench: Bench) -> dict[str, Any]:
    """Return the profile of one turn of training and of one of scoring; see :func:`profile_of`."""
    from finsent.bench.sides import scoring_sides

    return {
        "train": profile_of(lambda: bench.side.run_on(bench.some)),
        "score": profile_of(scoring_sides(*bench.tuned, bench.some)["finsent"]),
    }


def profile_of(work: Callable[[], Any]) -> dict[str, Any]:
    """Return the shares of each kind of work in a second run of ``work``, and the ``seconds`` of all operations.

    The profiler itself slows small operations down, so that their shares are upper bounds.
    """
    import torch.profiler

    work()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        work()
    times = dict.fromkeys([*KINDS, OTHER], 0.0)
    for event in profiler.key_averages():
        times[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(times.values())
    return {"seconds": total / 1e6, "shares": {kind: taken / total for kind, taken in times.items()}}


def kind_of(operation: str) -> str:
    """Return the kind of work of an operation, by its name."""
    return next((kind for kind, parts in KINDS.items() if any(part in operation for part in parts)), OTHER)
