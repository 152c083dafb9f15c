"""Progress bars on standard error."""

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from finsent.runs.store import Run

#: Without tqdm's own time left, which is of the stage alone.
_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}{postfix}"


def watch(run: Run) -> Run:
    """Follow a run with one progress bar per state, each with when the whole run ends; return it as it ended."""
    from finsent.cost.remaining import Clock, outlook_in_words
    from finsent.runs.queue import follow

    bar: tqdm[Any] | None = None
    clock, reason = Clock(), ""
    for now in follow(run):
        run, outlook = now, clock.tell(now)
        if bar is not None and bar.desc != str(run.state):
            bar.close()
            bar = None
        if outlook is not None and outlook.reason not in ("", reason):
            reason = outlook.reason
            tqdm.write(f"{reason}.", file=sys.stderr)
        if run.active and run.progress is not None:
            unit = f" {run.progress.unit}"
            bar = bar or tqdm(desc=str(run.state), total=run.progress.total, unit=unit, bar_format=_FORMAT)
            bar.set_postfix_str(outlook_in_words(outlook), refresh=False)
            bar.update(run.progress.done - bar.n)
    if bar is not None:
        bar.close()
    return run


def counter(unit: str) -> Callable[[int, int], None]:
    """Return a report of progress; nothing is shown before the first one."""

    bar: tqdm[Any] | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        if bar is None or done < bar.n:
            bar = tqdm(total=total, unit=f" {unit}")
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return report
