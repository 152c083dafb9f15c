"""What keeps a run's cores busy besides the run: the reason that it takes longer."""

import time

import psutil

from finsent.machine import usable_cores
from finsent.runs.signs import is_here
from finsent.runs.store import Run

#: Seconds between two looks at least, and what share of a core is worth a word.
_BETWEEN_LOOKS = 4.0
_WORTH_A_WORD = 0.25


class Rivals:
    """Watches the cores while a run is at work; keep it and call :meth:`look` from time to time."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._busy = self._own = 0.0
        #: Cores that other processes kept busy between the last two looks; None before there were two.
        self.cores: float | None = None

    def look(self, run: Run) -> None:
        """Measure what the processes of this machine and the run's own have computed since the last look."""
        now = time.monotonic()
        if self._looked is not None and now - self._looked < _BETWEEN_LOOKS:
            return
        own = _own_seconds(run)
        if own is None:
            self._looked, self.cores = None, None
            return
        times = psutil.cpu_times()
        busy = times.user + times.system + getattr(times, "nice", 0.0)
        if self._looked is not None:
            self.cores = max(0.0, (busy - self._busy) - (own - self._own)) / (now - self._looked)
        self._looked, self._busy, self._own = now, busy, own

    def words(self, run: Run) -> str:
        """Return what is in a run's way, or "" where nothing is."""
        cores = usable_cores()
        if self.cores is not None and self.cores >= _WORTH_A_WORD:
            of = "the only core" if cores == 1 else f"{cores} cores"
            return f"other processes keep {min(self.cores, cores):.1f} of {of} busy"
        has, had = _allowed(run), run.hardware.get("cores")
        if has is not None and isinstance(had, int) and has < had:
            return f"it may use {has} of the {had} cores that it began with"
        return ""


def _own_seconds(run: Run) -> float | None:
    """Return the processor seconds of a run's processes, or None where they cannot be seen from here."""
    if run.pid is None or not is_here(run):
        return None
    try:
        worker = psutil.Process(run.pid)
        times = [process.cpu_times() for process in (worker, *worker.children(recursive=True))]
    except psutil.Error:
        return None
    return sum(one.user + one.system for one in times)


def _allowed(run: Run) -> int | None:
    if run.pid is None or not is_here(run):
        return None
    try:
        worker = psutil.Process(run.pid)
        return len(worker.cpu_affinity()) if hasattr(worker, "cpu_affinity") else None
    except psutil.Error:
        return None
