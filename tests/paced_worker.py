"""A worker that waits at each step, so that a test can watch a short run: ``python -m tests.paced_worker FOLDER``.

It does so as long as the folder of runs has a file named ``slowly``. All else is the real worker's work.
"""

import runpy
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from finsent.training.trainer import Watch

SECONDS_A_STEP = 0.4


def main(slowly: Path) -> None:
    """Be the worker."""

    def on_step_end(watch: Watch, args: Any, state: Any, control: Any, **others: Any) -> Any:
        if slowly.exists():
            time.sleep(SECONDS_A_STEP)
        return real(watch, args, state, control, **others)

    real = Watch.on_step_end
    with mock.patch.object(Watch, "on_step_end", on_step_end):
        runpy.run_module("finsent.runs.worker", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).parent / "slowly")
