"""A worker that something goes wrong with: ``python -m tests.faulty_worker FAULT FOLDER``.

All but the planted fault is the real worker's work, in a process of its own, as an app starts it.
"""

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from finsent.runs import worker
from finsent.training import trainer as training

#: The step at which a fault comes; a checkpoint was written before it.
STEP = 4
#: What the address space may still grow by: far less than a large batch takes, enough to say so.
ROOM = 2**30


def times(factor: float) -> Callable[[Path], Any]:
    """Multiply the loss of one step."""

    def compute_loss(trainer: training.PackedTrainer, *args: Any, **named: Any) -> Any:
        loss = real(trainer, *args, **named)
        return loss * factor if trainer.state.global_step + 1 == STEP and trainer.model.training else loss

    real = training.PackedTrainer.compute_loss
    return lambda folder: mock.patch.object(training.PackedTrainer, "compute_loss", compute_loss)


def full_disk(folder: Path) -> Any:
    """Fill the disk at the end of a step, before its checkpoint."""

    def on_step_end(watch: training.Watch, args: Any, state: Any, control: Any, **others: Any) -> Any:
        if state.global_step == STEP:
            fill(folder.parent)
        return real(watch, args, state, control, **others)

    real = training.Watch.on_step_end
    return mock.patch.object(training.Watch, "on_step_end", on_step_end)


def fill(folder: Path) -> None:
    """Write a file until nothing more can be written."""
    with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(os.urandom(4096))


def little_memory(folder: Path) -> Any:
    """Limit the address space from the first step on."""

    def train(trainer: training.PackedTrainer, *args: Any, **named: Any) -> Any:
        limit = psutil.Process().memory_info().vms + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return real(trainer, *args, **named)

    real = training.PackedTrainer.train
    return mock.patch.object(training.PackedTrainer, "train", train)


FAULTS: dict[str, Callable[[Path], Any]] = {
    "NaN loss": times(float("nan")),
    "zero gradients": times(0.0),
    "full disk": full_disk,
    "little memory": little_memory,
}


if __name__ == "__main__":
    folder = Path(sys.argv[2]).resolve()
    with FAULTS[sys.argv[1]](folder):
        sys.exit(worker.main(folder))
