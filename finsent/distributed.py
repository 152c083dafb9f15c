"""One run in several processes: torchrun starts them, each computes its share, and the first alone writes.

The process group is PyTorch's own (gloo between CPU processes, NCCL between GPUs). Gradients are averaged by
DistributedDataParallel, which transformers' trainer puts around the model; scoring divides the rows. Without torchrun
everything here is about the one process there is, and nothing is exchanged.

Documentation: https://docs.pytorch.org/docs/stable/elastic/run.html
"""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

from finsent.errors import ProcessesError, RunStopped
from finsent.files import PROJECT
from finsent.machine import usable_cores, usable_threads

_PR_SET_PDEATHSIG = 1
_HERE = "127.0.0.1"
#: With it torchrun starts no server for its processes; see :func:`_meet_on_loopback`.
_NO_SERVER_OF_TORCHRUN = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
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
    # On one host the processes find one another through a file, which nobody else can reach.
    alone = ("--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file", "--local-addr", _HERE) if _one_host() else ()
    share = ("--nproc-per-node", str(processes // _hosts()))
    return (*python, "torch.distributed.run", *alone, *share, "-m", module)


def _hosts() -> int:
    return int(os.environ.get("PET_NNODES", "1"))


def _one_host() -> bool:
    """Whether all processes of a run are on this machine, and nobody on another has to reach them."""
    return _hosts() == 1


def environment_without_group() -> dict[str, str]:
    """Return this process's environment without what torchrun told it about its group.

    A worker starts the next run in the queue, which is in no group, or in one of its own. Unless several hosts were
    asked for, the processes of that group speak by the loopback interface alone: PyTorch would take the one that the
    machine's name leads to, and torchrun would listen on all.
    """
    kept = {name: value for name, value in os.environ.items() if not _OF_GROUP.fullmatch(name)}
    if _one_host():
        loopback = _loopback_interface()
        kept |= {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback, _NO_SERVER_OF_TORCHRUN: "1"}
    return kept


def _loopback_interface() -> str:
    """Return the name of the network interface that no other machine reaches, ``lo`` on Linux."""
    addresses = psutil.net_if_addrs().items()
    return next((name for name, known in addresses if any(one.address == _HERE for one in known)), "lo")


def run_module(
    module: str, *arguments: str, processes: int = 1, given: str = "", seconds: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a module of this project in processes of its own, in no group but theirs, and return what it said.

    ``given`` is its standard input. When ``seconds`` have passed, or the wait is broken off, all of them are killed.

    Raises:
        OSError: the system refuses to start it.
        subprocess.TimeoutExpired: it took longer than ``seconds``.
    """
    with subprocess.Popen(
        [*module_command(module, processes), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=environment_without_group(),
    ) as process:
        try:
            said, complained = process.communicate(given, timeout=seconds)
        except BaseException:
            kill_with_children(process.pid)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def start_detached(
    command: Sequence[str], given: int | IO[bytes] = subprocess.DEVNULL, log: int | IO[bytes] = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """Start a process of this project's in a session of its own, in no group but its own, which outlives this one.

    ``given`` is its standard input, and ``log`` takes all that it says.

    Raises:
        OSError: the system refuses to start it.
    """
    return subprocess.Popen(
        command,
        start_new_session=True,
        stdin=given,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=PROJECT,
        env=environment_without_group(),
    )


def kill_with_children(pid: int) -> None:
    """Kill a process and all that it started; those of torchrun lead sessions that a signal to its group misses."""
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


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


def join(processes: int, cores: int | None = None) -> None:
    """Join the other processes of the run, and share the cores with those on this machine: all, or so many.

    A process by itself has no more threads than ``OMP_NUM_THREADS`` says; among several, torchrun has set that to 1.

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
        usable = usable_threads() if processes == 1 else usable_cores()
        torch.set_num_threads(max(1, (cores or usable) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    if processes > 1:
        _end_with_parent()
        if os.environ.get(_NO_SERVER_OF_TORCHRUN) == "1":
            _meet_on_loopback("gloo" if on_cpu else "nccl")
        PartialState(cpu=on_cpu, backend="gloo" if on_cpu else "nccl")


def _meet_on_loopback(backend: str) -> None:
    """Make the process group by a server of the first process that listens on loopback; by default it would on all."""
    import torch.distributed

    port = int(os.environ["MASTER_PORT"])
    listens = None
    if is_main():
        server = socket.create_server((_HERE, port))
        # The store owns it from here on.
        listens = server.detach()
    # Documented, and exported at run time in a way that its types do not follow.
    make = torch.distributed.TCPStore  # type: ignore[attr-defined]
    store = make(_HERE, port, world_size(), is_main(), master_listen_fd=listens)
    torch.distributed.init_process_group(backend, store=store, rank=rank(), world_size=world_size())


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
    part: pd.DataFrame | RunStopped
    try:
        part = score(mine)
    except RunStopped as error:
        part = error
    if total(int(isinstance(part, RunStopped))) or isinstance(part, RunStopped):
        raise part if isinstance(part, RunStopped) else RunStopped("Stopped while scoring.")
    whole = np.zeros((len(rows), part.shape[1]))
    whole[mine.index] = part.to_numpy()
    # Every number is added to the others' zeros, which changes none, NaN included.
    return pd.DataFrame(_shared(whole), columns=part.columns, index=rows.index)


def _shared(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    import torch
    import torch.distributed
    from accelerate import PartialState

    tensor = torch.as_tensor(np.asarray(values, dtype=np.float64), device=PartialState().device)
    torch.distributed.all_reduce(tensor)
    return np.asarray(tensor.cpu())


def _end_with_parent() -> None:
    """Have the system end this process when torchrun is gone, however it went; nobody else would.

    torchrun puts each of its processes into a session of its own, so that a signal to its group does not reach them.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
