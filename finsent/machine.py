"""What this machine can do: what of the model hub it has, which processor computes, how much memory there is.

Nothing here imports torch, so that a page can say which world it is in before anything heavy is loaded; and nothing
opens a connection.
"""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from finsent.errors import FinsentError
from finsent.files import typed_path
from finsent.hub import cached_names, last_answer
from finsent.sizes import size_words


@dataclass(frozen=True)
class World:
    """Where finsent runs. Memory is in bytes; ``gpu`` is the first CUDA device's name, or None.

    ``hub`` is whether the model hub answered when it was last asked, None if it was not asked lately; ``cached`` names
    what of it is on this machine.
    """

    hub: bool | None
    cached: tuple[str, ...]
    gpu: str | None
    cores: int
    memory_bytes: int

    @property
    def name(self) -> str:
        """``"hub"``, ``"cached"`` or ``"embedded"``."""
        if self.hub:
            return "hub"
        return "cached" if self.cached else "embedded"

    @property
    def title(self) -> str:
        """The world in one line."""
        if self.hub:
            return "Hub world: the model hub is in reach"
        if self.cached:
            return f"Cached world: {' and '.join(self.cached)} from the model hub"
        hub = "the model hub has not been asked" if self.hub is None else "no model hub in reach"
        return f"Embedded world: {hub}"

    @property
    def device(self) -> str:
        """The processor in words, for example ``CPU, 2 cores, 25.3 GB``."""
        if self.gpu:
            return f"GPU, {self.gpu}"
        return f"CPU, {self.cores} core{'s' * (self.cores != 1)}, {size_words(self.memory_bytes)}"


def look_around() -> World:
    """Return the world that this process is in, without asking the model hub for it."""
    return World(
        hub=last_answer(),
        cached=cached_names(),
        gpu=gpu_name(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
    )


def cache_dir() -> Path:
    """Return finsent's cache folder: ``$FINSENT_CACHE``, else ``finsent`` in the user's cache folder.

    Raises:
        FinsentError: the variable holds what can be no path.
    """
    chosen = os.environ.get("FINSENT_CACHE")
    if chosen:
        return typed_path(chosen, FinsentError, "cache folder", "Set FINSENT_CACHE to another folder.")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finsent"


@cache
def gpu_name() -> str | None:
    """Return the first NVIDIA GPU's name as its driver reports it, or None."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = answer.stdout.strip().splitlines()
    return names[0] if answer.returncode == 0 and names else None


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use (by its affinity; a container's quota is not seen)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_threads() -> int:
    """Return how many threads this process may compute with: one a core, and at most ``OMP_NUM_THREADS``."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(usable_cores(), int(asked)) if asked.isdecimal() and int(asked) else usable_cores()


@cache
def processor_name() -> str:
    """Return the processor as its maker names it where the system tells, else its architecture."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def hardware() -> dict[str, str | int]:
    """Return the hardware as a run records it."""
    return {
        "processor": processor_name(),
        "gpu": gpu_name() or "",
        "cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def peak_memory() -> int:
    """Return the most memory this process has held, in bytes: the GPU's if it computed, else the resident set."""
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_resident()


def peak_resident() -> int:
    """Return the most memory this process has held, in bytes, a GPU's apart."""
    import resource

    status = Path("/proc/self/status")
    if status.is_file():
        # Linux hands a process the maximum that getrusage knows of its parent, so that a worker would show the app's.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
