"""What a worker writes while it works: the run's record, its progress and its log.

Of several processes that share a run, the first one writes.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from finsent.distributed import is_main
from finsent.runs.store import Progress, Run, update_run

_SECONDS_BETWEEN_REPORTS = 0.5
log = logging.getLogger("finsent.runs.worker")


def record(run: Run, **changes: Any) -> Run:
    """Write into the run's record, if this is the process that may, and return the run with the changes."""
    return update_run(run.folder, **changes) if is_main() else run.model_copy(update=changes)


def say(words: str, *values: Any) -> None:
    """Write into the log what every process would say alike."""
    if is_main():
        log.info(words, *values)


def reporter(run: Run, unit: str) -> Callable[[int, int], None]:
    """Return a function that writes progress into the run, at most twice a second and at the end.

    ``unit`` is ``"rows"`` or ``"steps"``. Where processes share the rows, it is the progress of the first one in its
    share.
    """
    last = 0.0

    def report(done: int, of: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == of or now - last > _SECONDS_BETWEEN_REPORTS:
            last = now
            steps = {"steps": done} if unit == "steps" else {}
            record(run, progress=Progress(done=done, total=of, unit=unit), **steps)

    return report
