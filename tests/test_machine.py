"""What is said of the machine."""

import pytest

from finsent import machine
from finsent.machine import World, usable_threads


@pytest.mark.parametrize(("cores", "words"), [(1, "CPU, 1 core, 4.00 GB"), (2, "CPU, 2 cores, 4.00 GB")])
def test_one_core_is_one(cores, words):
    assert World(None, (), None, cores, 4_000_000_000).device == words


@pytest.mark.parametrize(("asked", "threads"), [("", 4), ("2", 2), ("9", 4), ("0", 4), ("4,3", 4)])
def test_who_asks_for_fewer_threads_gets_no_more(monkeypatch, asked, threads):
    monkeypatch.setattr(machine, "usable_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_threads() == threads
