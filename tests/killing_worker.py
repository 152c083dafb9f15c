"""A worker that kills itself with SIGKILL at a chosen moment: ``python -m tests.killing_worker MOMENT FOLDER``.

Everything up to that moment is the real worker's work. Killing from inside makes the moment exact, where a test that
watches from outside would have to be lucky to hit the middle of a file.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import transformers

from finsent.runs import progress, rows, stages, worker
from finsent.runs.store import RunState
from finsent.training import trainer as training


def die() -> None:
    """End this process as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def instead(*_: Any, **__: Any) -> None:
    """Die instead of doing what was asked."""
    die()


def once_in_state(state: RunState) -> Callable[[], Any]:
    """Die as soon as the run says that it is in a state."""

    def update(folder: Path, **changes: Any) -> Any:
        run = real(folder, **changes)
        if changes.get("state") == state:
            die()
        return run

    real = progress.update_run
    return lambda: mock.patch.object(progress, "update_run", update)


def at_step(step: int) -> Callable[[], Any]:
    """Die at the end of a training step, before anything of it is saved."""

    def on_step_end(watch: training.Watch, args: Any, state: Any, control: Any, **others: Any) -> Any:
        if state.global_step == step:
            die()
        return real(watch, args, state, control, **others)

    real = training.Watch.on_step_end
    return lambda: mock.patch.object(training.Watch, "on_step_end", on_step_end)


def half_saved(content: Any, file: Any, *others: Any, **named: Any) -> None:
    """Write half of the second checkpoint's optimizer, then die."""
    real_save(content, file, *others, **named)
    path = Path(str(file))
    if path.name == "optimizer.pt" and len(list(path.parent.parent.glob("checkpoint-*"))) == 2:
        with path.open("r+b") as written:
            written.truncate(path.stat().st_size // 2)
        die()


real_save = torch.save


def half_exported(model: Any, run: Any) -> None:
    """Leave a half-written adapter where the real one is prepared, then die."""
    scratch = run.folder / ".adapter.new"
    scratch.mkdir()
    (scratch / "adapter_model.safetensors").write_bytes(b"half")
    die()


MOMENTS: dict[str, Callable[[], Any]] = {
    "preparing": once_in_state(RunState.PREPARING),
    "reading the data": lambda: mock.patch.object(rows, "prepare", instead),
    "loading the model": lambda: mock.patch.object(stages, "load_base", instead),
    "baseline": once_in_state(RunState.BASELINE),
    "keeping the training rows": lambda: mock.patch.object(stages, "save_predictions", instead),
    "training begins": once_in_state(RunState.TRAINING),
    "first step": at_step(1),
    "between two checkpoints": at_step(5),
    "before this step's checkpoint": at_step(8),
    "in a validation": lambda: mock.patch.object(training, "evaluate_predictions", instead),
    "in the middle of a checkpoint's file": lambda: mock.patch.object(torch, "save", half_saved),
    "before a checkpoint is whole": lambda: mock.patch.object(transformers.TrainerState, "save_to_json", instead),
    "exporting the adapter": lambda: mock.patch.object(stages, "save_adapter", half_exported),
    "evaluating": once_in_state(RunState.EVALUATING),
    "writing the figures": lambda: mock.patch.object(stages, "compare_predictions", instead),
}


if __name__ == "__main__":
    with MOMENTS[sys.argv[1]]():
        worker.main(Path(sys.argv[2]).resolve())
    sys.exit(f"The moment “{sys.argv[1]}” never came")
