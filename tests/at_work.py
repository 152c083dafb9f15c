"""A run at work, as far as others can tell: its worker waits."""

import contextlib
import subprocess
import sys

import psutil

from finsent.recipe import get_recipe
from finsent.runs.store import RunState, create_run, update_run


@contextlib.contextmanager
def run_at_work(runs_dir, state=RunState.TRAINING, on=None):
    """A run whose worker waits, on some cores."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as worker:
        process = psutil.Process(worker.pid)
        if on is not None:
            process.cpu_affinity(on)
        run = create_run(get_recipe("quick"), runs_dir)
        update_run(run.folder, state=state, pid=worker.pid, pid_created=process.create_time())
        try:
            yield run
        finally:
            worker.kill()
