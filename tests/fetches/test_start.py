"""Fetches are started and cancelled only where their process and its record are one's own."""

import os
import time
from datetime import UTC, datetime

import psutil
import pytest

from finsent.distributed import start_detached
from finsent.errors import DiskFullError, RunStateError
from finsent.fetches import start, worker
from finsent.fetches.record import Fetch, FetchState, _file, fetch_lock, read_fetch, write_fetch
from finsent.fetches.start import cancel_fetch, start_fetch
from finsent.runs.processes import identity
from finsent.runs.signs import SECONDS_UNTIL_LOST

NAME = "owner/name"


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Record a fetch as that of this process, with changes."""
    monkeypatch.setenv("FINSENT_CACHE", str(tmp_path / "cache"))

    def record(**changes) -> Fetch:
        known = {"model": NAME, "total": 2, "done": 1, "heard": datetime.now(UTC)}
        fetch = Fetch(**known | identity(psutil.Process()) | changes)
        with fetch_lock(NAME):
            write_fetch(fetch)
        return fetch

    return record


@pytest.fixture
def started(monkeypatch):
    """Processes that were started."""
    processes = []

    def detached(command):
        processes.append(start_detached(command))
        return processes[-1]

    monkeypatch.setattr(start, "start_detached", detached)
    return processes


def test_a_fetch_whose_record_cannot_be_written_does_not_go_on(recorded, started, monkeypatch):
    before = recorded(state=FetchState.CANCELLED)

    def full(fetch):
        raise DiskFullError("There is no room.")

    monkeypatch.setattr(start, "write_fetch", full)
    with pytest.raises(DiskFullError, match="There is no room"):
        start_fetch(NAME, 2)
    (process,) = started
    assert process.returncode is not None
    assert read_fetch(NAME) == before


@pytest.mark.parametrize("state", [FetchState.FETCHING, FetchState.CANCELLED])
def test_a_process_does_not_take_the_record_of_another(recorded, local_hub, state):
    recorded(state=state, pid=os.getppid())
    assert worker.main(NAME) == 2
    assert read_fetch(NAME).pid == os.getppid() and local_hub.requests == []


def test_a_fetch_of_another_machine_goes_on_there_and_is_left_alone(recorded, started):
    there = recorded(host="another", boot="another", pid=1)
    assert read_fetch(NAME) == there and there.at_work and not there.is_here
    assert start_fetch(NAME, 2) == there and started == []
    with pytest.raises(RunStateError, match="fetched on another, and can be cancelled only there"):
        cancel_fetch(NAME)
    assert read_fetch(NAME) == there


def test_a_fetch_of_another_machine_that_gives_no_sign_is_lost(recorded):
    recorded(host="another", boot="another", pid=1)
    long_ago = time.time() - SECONDS_UNTIL_LOST - 1
    os.utime(_file(NAME), (long_ago, long_ago))
    found = read_fetch(NAME)
    assert found.state == FetchState.FAILED
    assert "another, which fetched it, has given no sign for 5 minutes" in found.error
