"""What this machine can do: whether the model hub answers, which processor computes, how much memory there is.

Nothing here imports torch, so that a page can say which world it is in before anything heavy is loaded.
"""

import os
import platform
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import psutil

HUB_ENDPOINT = "https://huggingface.co"
_PROBE_SECONDS = 3.0
_PROBE_LIFETIME_SECONDS = 60.0


@dataclass(frozen=True)
class World:
    """Where finsent runs. Memory is in bytes; ``gpu`` is the first CUDA device's name, or None."""

    hub: bool
    gpu: str | None
    cores: int
    memory_bytes: int

    @property
    def name(self) -> str:
        """``"hub"`` or ``"embedded"``."""
        return "hub" if self.hub else "embedded"

    @property
    def device(self) -> str:
        """The processor in words, for example ``CPU, 2 cores, 24 GB``."""
        if self.gpu:
            return f"GPU, {self.gpu}"
        return f"CPU, {self.cores} cores, {self.memory_bytes / 2**30:.0f} GB"


def look_around() -> World:
    """Return the world that this process is in; the hub's answer is remembered for a minute."""
    return World(hub=hub_answers(), gpu=gpu_name(), cores=usable_cores(), memory_bytes=psutil.virtual_memory().total)


def hub_answers() -> bool:
    """Whether a connection to the model hub opens within three seconds.

    The hub's own client retries for minutes when the network is down, so it is asked only after this. Respects
    ``HF_HUB_OFFLINE``, ``HF_ENDPOINT`` and ``HTTPS_PROXY`` (whose proxy is asked for then).
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    endpoint = os.environ.get("HF_ENDPOINT") or HUB_ENDPOINT
    return _probe(endpoint, int(time.monotonic() / _PROBE_LIFETIME_SECONDS))


@cache
def _probe(endpoint: str, _minute: int) -> bool:
    address = urlsplit(endpoint)
    if not proxy_bypass(address.hostname or ""):
        # Behind a proxy the hub's client speaks to that alone.
        address = urlsplit(getproxies().get(address.scheme, endpoint))
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


def cache_dir() -> Path:
    """Return finsent's cache folder: ``$FINSENT_CACHE``, else ``finsent`` in the user's cache folder."""
    chosen = os.environ.get("FINSENT_CACHE")
    if chosen:
        return Path(chosen)
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
    world = look_around()
    return {
        "processor": processor_name(),
        "gpu": world.gpu or "",
        "cores": world.cores,
        "memory_bytes": world.memory_bytes,
    }
