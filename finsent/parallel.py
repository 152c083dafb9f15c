"""One run in several processes: torchrun starts them, each computes its share, and the first alone writes.

The process group is PyTorch's own (gloo between CPU processes, NCCL between GPUs). Gradients are averaged by
DistributedDataParallel, which transformers' trainer puts around the model; scoring divides the rows. Without torchrun
everything here is about the one process there is, and nothing is exchanged.

Documentation: https://docs.pytorch.org/docs/stable/elastic/run.html
"""

import ctypes
import os
import re
import signal
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd

from finsent.errors import ProcessesError, RunStopped
from finsent.world import usable_cores

_PR_SET_PDEATHSIG = 1
#: What torchrun sets for each of its processes. Several hosts are described in ``PET_...``, which stays.
_OF_GROUP = re.compile(r"(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE)|ROLE_NAME|MASTER_(ADDR|PORT)|TORCHELASTIC_\w+")


def module_command(module: str, processes: int) -> tuple[str, ...]:
    """Return the command that runs a module in so many processes, or in this host's share of them.

    Several hosts are told to torchrun as its documentation says, in variables such as ``PET_NNODES=2``,
    ``PET_NODE_RANK``, ``PET_MASTER_ADDR`` and ``PET_MASTER_PORT``; the host of node rank 0 writes the run.
    """
    python = (sys.executable, "-X", "faulthandler", "-u", "-m")
    if processes == 1:
        return (*python, module)
    hosts = int(os.environ.get("PET_NNODES", "1"))
    alone = ("--standalone",) if hosts == 1 else ()
    share = ("--nproc-per-node", str(processes // hosts))
    return (*python, "torch.distributed.run", *alone, *share, "-m", module)


def environment_without_group() -> dict[str, str]:
    """Return this process's environment without what torchrun told it about its group.

    A worker starts the next run in the queue, which is in no group, or in one of its own.
    """
    return {name: value for name, value in os.environ.items() if not _OF_GROUP.fullmatch(name)}


def under_torchrun() -> bool:
    """Whether torchrun started this process, and is its parent."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """Return this process's number in its group, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes in the group."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this is the process that writes."""
    return rank() == 0


def join(processes: int) -> None:
    """Join the other processes of the run, and share the cores with those on this machine.

    Raises:
        ProcessesError: not as many processes were started as the recipe asks for.
    """
    import torch
    from accelerate import PartialState

    if world_size() != processes:
        raise ProcessesError(
            f"The recipe asks for {processes} processes, and {world_size()} were started. Launch the run with: "
            "python -m finsent train, which starts as many as processes says."
        )
    on_cpu = not torch.cuda.is_available()
    if on_cpu:
        torch.set_num_threads(max(1, usable_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    if processes > 1:
        _end_with_parent()
        PartialState(cpu=on_cpu, backend="gloo" if on_cpu else "nccl")


def leave() -> None:
    """Leave the group, if there is one."""
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def agreed(answer: bool) -> bool:
    """Return the first process's answer in all of them, for a question that each may answer at another moment."""
    if world_size() == 1:
        return answer
    value = _shared([float(answer and is_main())])
    return bool(value[0])


def total(count: int) -> int:
    """Return the sum of a count over all processes."""
    return count if world_size() == 1 else int(_shared([float(count)])[0])


def in_shares(rows: pd.DataFrame, score: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Return ``score(rows)``, of which each process computes its share of the rows and receives the whole.

    ``score`` returns a table of numbers with one row per row, by which alone it must be determined.

    Raises:
        RunStopped: in all processes, when ``score`` raised it in one of them.
    """
    if world_size() == 1:
        return score(rows)
    numbered = rows.reset_index(drop=True)
    mine = numbered.iloc[rank() :: world_size()]
    stopped: RunStopped | None = None
    part = None
    try:
        part = score(mine)
    except RunStopped as error:
        stopped = error
    if total(int(stopped is not None)):
        raise stopped or RunStopped("Stopped while scoring.")
    whole = np.zeros((len(rows), part.shape[1]))
    whole[mine.index] = part.to_numpy()
    # Every number is added to the others' zeros, which changes none, NaN included.
    return pd.DataFrame(_shared(whole), columns=part.columns, index=rows.index)


def _shared(values: "np.ndarray | list[float]") -> np.ndarray:
    import torch
    import torch.distributed
    from accelerate import PartialState

    tensor = torch.as_tensor(np.asarray(values, dtype=np.float64), device=PartialState().device)
    torch.distributed.all_reduce(tensor)
    return tensor.cpu().numpy()


def _end_with_parent() -> None:
    """Have the system end this process when torchrun is gone, however it went; nobody else would.

    torchrun puts each of its processes into a session of its own, so that a signal to its group does not reach them.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
