"""One host's process of a run on several: ``python -m tests.mortal_host NOTES STEP FOLDER``, under torchrun.

All but two things is the real worker's work: what it trains on is noted in the folder NOTES, a line a step; and at the
end of a STEP its host dies, torchrun with it, before anything of that step is saved (0: it lives).
"""

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any
from unittest import mock

_NEW_NAME_OF_THE_HOST = 0x04000000  # CLONE_NEWUTS, see unshare(2)


def be_host(name: str) -> None:
    """Give the machine another name for this process alone, where the system lets it."""
    if sys.platform == "linux" and ctypes.CDLL(None).unshare(_NEW_NAME_OF_THE_HOST) == 0:
        socket.sethostname(name)


def die() -> None:
    """End torchrun and this process at once, as if the host had lost its power."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def noting(notes: Path, dies_at: int) -> Any:
    """Return what makes the worker note its rows, and die."""
    from finsent.distributed import rank
    from finsent.models.packing import PackingCollator
    from finsent.training import trainer as training

    #: Batches are made one ahead of the step that trains on them; a packed row tells which one it is.
    packed: dict[tuple[int, ...], list[list[int]]] = {}
    real_pack, real_loss = PackingCollator.__call__, training.PackedTrainer.compute_loss
    real_end = training.Watch.on_step_end

    def pack(collator: PackingCollator, rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch = real_pack(collator, rows)
        packed[tuple(batch["input_ids"][0].tolist())] = [one["input_ids"] for one in rows if not one.get("blank")]
        return batch

    def compute_loss(trainer: training.PackedTrainer, model: Any, inputs: dict[str, Any], *args: Any, **named: Any):
        if model.training:
            line = {"step": trainer.state.global_step + 1, "rows": packed[tuple(inputs["input_ids"][0].tolist())]}
            with (notes / f"rank-{rank()}.jsonl").open("a") as file:
                file.write(json.dumps(line | {"host": socket.gethostname()}) + "\n")
        return real_loss(trainer, model, inputs, *args, **named)

    def on_step_end(watch: training.Watch, args: Any, state: Any, control: Any, **others: Any) -> Any:
        if state.global_step == dies_at:
            die()
        return real_end(watch, args, state, control, **others)

    return (
        mock.patch.object(PackingCollator, "__call__", pack),
        mock.patch.object(training.PackedTrainer, "compute_loss", compute_loss),
        mock.patch.object(training.Watch, "on_step_end", on_step_end),
    )


def take_one_core(number: int) -> None:
    """Compute on one core, as each of two processes of one host does: sums are rounded by how they are divided."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
    # What accelerate goes by, and torchrun sets for several processes on a host.
    os.environ["OMP_NUM_THREADS"] = "1"


if __name__ == "__main__":
    take_one_core(int(os.environ["PET_NODE_RANK"]))
    if os.environ["PET_NODE_RANK"] == "1":
        be_host("second-host")
    from finsent.runs import worker

    for patch in noting(Path(sys.argv[1]), int(sys.argv[2])):
        patch.start()
    sys.exit(worker.main(Path(sys.argv[3]).absolute()))
