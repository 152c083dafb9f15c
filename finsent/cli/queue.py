"""Commands about runs at work and waiting: ``queue``, ``watch`` and ``stop``."""

import argparse
from datetime import datetime

from finsent.cli.arguments import Commands, Printed, add_command, add_run, add_runs_dir
from finsent.cli.groups import follow_group, group_named, stop_whole_group
from finsent.cli.progress import watch
from finsent.cli.training import ended
from finsent.errors import RunStateError
from finsent.runs.find import RUN_HELP, find_run
from finsent.runs.signs import elsewhere
from finsent.runs.store import Run, active_run, waiting_runs


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    queue = add_command(commands, "queue", show_queue)
    queue.add_argument("--take-out", metavar="RUN", help=f"take this run out of the queue: {RUN_HELP}")
    add_runs_dir(queue)
    add_run(add_command(commands, "watch", watch_run))
    halt = add_command(commands, "stop", stop_run)
    halt.add_argument("--now", action="store_true", help="end its processes at once, if it does not heed the request")
    add_run(halt)


def show_queue(options: argparse.Namespace) -> Printed:
    """The run at work and those that wait for their turn, the next one first.

    The next one is started if none is at work.
    Example: ``python -m finsent queue``; take one out: ``python -m finsent queue --take-out RUN``
    """
    from finsent.cost.remaining import Clock, ends_in_turn, outlook_in_words
    from finsent.runs.queue import start_next

    if options.take_out is not None:
        return _take_out(find_run(options.runs_dir, options.take_out))
    start_next(options.runs_dir)
    busy, waiting = active_run(options.runs_dir), waiting_runs(options.runs_dir)
    outlook = Clock().tell(busy) if busy else None
    ends = ends_in_turn(outlook.ends if outlook else None, waiting)
    value = {
        "at_work": _facts(busy, outlook.ends if outlook else None) if busy else None,
        "waiting": [_facts(run, end) for run, end in zip(waiting, ends, strict=True)],
    }
    lines = [
        f"at work: {busy.id}  {busy.state}  {busy.title}  {outlook_in_words(outlook)}  {elsewhere(busy)}"
        if busy
        else "No run is at work."
    ]
    lines += [
        f"{place}. {run.id}  since {run.queued_at:%H:%M} UTC  {run.title}"
        + (f"  done at about {end.astimezone():%H:%M}" if end else "")
        for place, (run, end) in enumerate(zip(waiting, ends, strict=True), start=1)
    ]
    return Printed(value, "\n".join(line.rstrip() for line in lines))


def watch_run(options: argparse.Namespace) -> Printed:
    """Follow a run, or a group of seeds, to its end; a waiting one is started when its turn comes.

    Ending this command leaves the run at work.
    Example: ``python -m finsent watch latest``
    """
    if group := group_named(options.runs_dir, options.run):
        return follow_group(group)
    return ended(watch(find_run(options.runs_dir, options.run)))


def stop_run(options: argparse.Namespace) -> Printed:
    """Ask a run to stop, or a whole group of seeds; what was learned so far is kept.

    Example: ``python -m finsent stop latest``; at once: ``python -m finsent stop latest --now``
    """
    from finsent.runs.queue import end_now, stop

    if group := group_named(options.runs_dir, options.run):
        return stop_whole_group(group, options.now)
    run = find_run(options.runs_dir, options.run)
    if options.now and not run.waiting:
        run = end_now(run)
        return Printed({"run": run.id, "stopping": False, "state": run.state}, f"Run {run.id}: {run.error}")
    if run.waiting:
        return _take_out(run)
    stop(run)
    return Printed({"run": run.id, "stopping": True}, f"Run {run.id} will stop after its present step or batch.")


def _take_out(run: Run) -> Printed:
    from finsent.runs.queue import stop

    if not run.waiting:
        raise RunStateError(
            f"Run {run.id} is {run.state} and does not wait. Stop it with: python -m finsent stop {run.id}"
        )
    stop(run)
    return Printed({"run": run.id, "stopping": True}, f"Run {run.id} was taken out of the queue.")


def _facts(run: Run, ends: datetime | None) -> dict[str, object]:
    facts = {"run": run.id, "name": run.name, "title": run.title, "state": run.state, "recipe": run.recipe.name}
    progress = run.progress.model_dump() if run.progress else None
    times = {"queued": run.queued_at.isoformat(), "ends": ends.isoformat(timespec="seconds") if ends else None}
    return facts | times | {"progress": progress}
