"""What is said of the machine."""

import pytest

from finsent.machine import World


@pytest.mark.parametrize(("cores", "words"), [(1, "CPU, 1 core, 4.00 GB"), (2, "CPU, 2 cores, 4.00 GB")])
def test_one_core_is_one(cores, words):
    assert World(None, (), None, cores, 4_000_000_000).device == words
