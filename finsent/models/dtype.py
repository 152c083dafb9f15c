"""The number format that this machine trains fastest in, from a short measurement that is kept for the next time.

Processors with matrix units for bfloat16 (AMX) multiply several times as fast in it; others are slower in it than in
float32. What is around the products is always slower in bfloat16 on a CPU, so that a small gain does not pay.
"""

import contextlib
import hashlib
import json
import statistics
import time
from functools import cache
from pathlib import Path

from finsent.errors import DiskFullError
from finsent.files import write_atomically
from finsent.machine import cache_dir, hardware

#: How many times as fast bfloat16 must multiply to be chosen: far from both what matrix units give (4 to 10 times) and
#: what processors without them do (about half as fast), so that a busy machine does not change the choice.
WORTHWHILE = 2.0
_TOKENS, _INPUTS, _OUTPUTS = 512, 576, 1_536
_REPEATS = 15


@cache
def fastest_cpu_type() -> str:
    """Return ``"bfloat16"`` or ``"float32"``; measured once a machine and PyTorch version, in a quarter of a second."""
    file = _measurement_file()
    try:
        gain = float(json.loads(file.read_text(encoding="utf-8"))["bfloat16_gain"])
    except (OSError, ValueError, KeyError, TypeError):
        gain = measure_gain()
        _keep(file, gain)
    return "bfloat16" if gain >= WORTHWHILE else "float32"


def measure_gain() -> float:
    """Return how many times as fast a linear layer is in bfloat16 as in float32 (medians of alternating turns)."""
    import torch

    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    sides = {
        dtype: (torch.randn(_TOKENS, _INPUTS, dtype=dtype), torch.randn(_OUTPUTS, _INPUTS, dtype=dtype))
        for dtype in seconds
    }
    for turn in range(_REPEATS + 2):
        for dtype, (inputs, weights) in sides.items():
            started = time.perf_counter()
            torch.nn.functional.linear(inputs, weights)
            if turn > 1:
                seconds[dtype].append(time.perf_counter() - started)
    return statistics.median(seconds[torch.float32]) / statistics.median(seconds[torch.bfloat16])


def _measurement_file() -> Path:
    import torch

    machine = hardware() | {"torch": torch.__version__}
    key = hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir() / f"arithmetic-{key}.json"


def _keep(file: Path, gain: float) -> None:
    # Where it cannot be written, it is measured again the next time.
    with contextlib.suppress(OSError, DiskFullError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps({"bfloat16_gain": gain}))
