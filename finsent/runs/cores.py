"""The cores that are free for whatever scores beside a run.

Two PyTorch processes on the same cores ruin one another, since OpenMP's threads spin while they wait for each other:
on two cores a classification of three headlines every two seconds cut training to a quarter, and took up to 28 s
instead of 0.4 s. With one thread in the process that classifies, neither loses much. So everything that computes
beside a run takes the cores that the run leaves, one thread where it leaves none; alone it takes all. Where none is
left, it asks the run's worker for one (:mod:`finsent.runs.sharing`).
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import psutil

from finsent.machine import gpu_name, usable_cores, usable_threads
from finsent.runs.sharing import ask_for_core, give_core_back
from finsent.runs.store import Run, RunState, active_run, default_runs_dir

Report = Callable[[int, int], None]

_SECONDS_BETWEEN_LOOKS = 5.0
log = logging.getLogger(__name__)


class _Turns:
    """A lock that goes round: whoever gives it back has it again only after one of those who waited for it.

    A lock of Python's alone may go to the same thread again and again. ``asking`` are those who have it or wait.
    """

    def __init__(self) -> None:
        self._next, self._now, self._counting = Lock(), Lock(), Lock()
        self.asking = 0

    @contextmanager
    def among_them(self) -> Iterator[None]:
        with self._counting:
            self.asking += 1
        try:
            yield
        finally:
            with self._counting:
                self.asking -= 1

    def take(self) -> None:
        with self._next:
            self._now.acquire()

    def give(self) -> None:
        self._now.release()


#: PyTorch's number of threads is the whole process's, so that one computation at a time has its own.
_TURNS = _Turns()


def computations() -> int:
    """Return how many computations of this process are going on or wait for their turn."""
    return _TURNS.asking


@dataclass(frozen=True)
class FreeCores:
    """``threads`` to compute with; ``words`` say why they are not all, in one sentence, and are "" where they are.

    ``crowded`` are the runs at work on every core of this process.
    """

    threads: int
    words: str = ""
    crowded: tuple[Run, ...] = field(default=(), compare=False)


def free_cores(runs_dirs: Iterable[Path] = ()) -> FreeCores:
    """Return what the runs at work in the default folder and in ``runs_dirs`` leave; see :func:`cores_left_by`."""
    folders = {folder.resolve() for folder in (default_runs_dir(), *runs_dirs)}
    return cores_left_by(run for folder in sorted(folders) if (run := active_run(folder)) is not None)


def cores_left_by(runs: Iterable[Run]) -> FreeCores:
    """Return what those of the runs that are at work leave to this process.

    ``OMP_NUM_THREADS``, where it is set, is the most. A run on a GPU leaves all cores.
    """
    cores, most = usable_cores(), usable_threads()
    working = [run for run in runs if run.active and not run.waiting and not gpu_name()]
    taken = set().union(*map(_cores_of, working)) & _own_cores()
    if not taken:
        return FreeCores(most)
    left = cores - len(taken)
    return FreeCores(max(1, min(most, left)), _in_words(working[0], cores, left), () if left else tuple(working))


def claim_cores(runs_dirs: Iterable[Path] = ()) -> FreeCores:
    """Return the free cores, and log a warning in one sentence where they are not all."""
    free = free_cores(runs_dirs)
    if free.words:
        log.warning(free.words)
    return free


@contextmanager
def computing_beside_runs(runs_dirs: Iterable[Path] = ()) -> Iterator["Threads"]:
    """Compute with the free cores alone while the context lasts; afterwards PyTorch has the threads that it had before.

    One computation at a time in a process; several take turns where their reports are :meth:`Threads.follow`. Not to be
    nested. Where fewer cores are left than there are, that is logged as a warning.
    """
    with _TURNS.among_them():
        threads = Threads(tuple(runs_dirs))
        threads.take_turn()
        try:
            threads.look()
            yield threads
        finally:
            threads.give_turn()


class Threads:
    """PyTorch's threads during one computation, which follow the runs of some folders."""

    def __init__(self, runs_dirs: tuple[Path, ...]) -> None:
        self._runs_dirs = runs_dirs
        self._looked = 0.0
        self._said = ""
        self._before = 0
        self._asked: tuple[Run, ...] = ()

    def take_turn(self) -> None:
        """Wait until no other computation has the process's threads."""
        import torch

        _TURNS.take()
        self._before = torch.get_num_threads()

    def give_turn(self) -> None:
        """Leave PyTorch's threads as they were, to whoever waits, and the cores to the runs."""
        import torch

        self._ask(())
        torch.set_num_threads(self._before)
        _TURNS.give()

    def _ask(self, runs: tuple[Run, ...]) -> None:
        """Ask these runs for a core, and no others any more."""
        still = {run.folder for run in runs}
        for run in self._asked:
            if run.folder not in still:
                give_core_back(run)
        for run in runs:
            ask_for_core(run)
        self._asked = runs

    def look(self) -> None:
        """Take the cores that are free now. On a GPU there is nothing to share."""
        import torch

        self._looked = time.monotonic()
        if torch.cuda.is_available():
            return
        free = free_cores(self._runs_dirs)
        torch.set_num_threads(free.threads)
        self._ask(free.crowded)
        if free.words and not self._said:
            log.warning(free.words)
        self._said = free.words

    def follow(self, report: Report | None, again: Callable[[], object] | None = None) -> Report:
        """Return a report on long work that also looks, every few seconds, whether a run has begun or ended.

        Where other computations wait, the next has its turn after each report, and ``again`` is called when this one
        has it back: the other may have changed what both use.
        """

        def reported(done: int, total: int) -> None:
            if time.monotonic() - self._looked >= _SECONDS_BETWEEN_LOOKS:
                self.look()
            if report is not None:
                report(done, total)
            if done < total and computations() > 1:
                self._let_others()
                if again is not None:
                    again()

        return reported

    def _let_others(self) -> None:
        import torch

        mine, asked = torch.get_num_threads(), self._asked
        self.give_turn()
        self.take_turn()
        torch.set_num_threads(mine)
        self._ask(asked)


def _own_cores() -> set[int]:
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set(range(usable_cores()))


def _cores_of(run: Run) -> set[int]:
    """Return the cores that a run's processes may be on: they have a thread for each."""
    try:
        worker = psutil.Process(run.pid)
        if not hasattr(worker, "cpu_affinity"):
            return _own_cores()
        # Those that torchrun started count, torchrun itself does nothing.
        return set().union(*(process.cpu_affinity() for process in [worker, *worker.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return set()
    except psutil.AccessDenied:
        return _own_cores()


def _in_words(run: Run, cores: int, left: int) -> str:
    does = "training" if run.state == RunState.TRAINING else "at work"
    if cores == 1:
        return f"A run is {does} on the only core, so this takes longer."
    if left > 0:
        others = "the other one" if left == 1 else f"the other {left}"
        return f"A run is {does} on {cores - left} of {cores} cores; this uses {others}, so it takes longer."
    every = "both" if cores == 2 else f"all {cores}"
    return f"A run is {does} on {every} cores; this uses one thread, so it takes longer."
