"""Threads that wait for others leave their core soon, unless the environment says how they wait."""

import os
import subprocess
import sys

import pytest

ASK = "import finsent, os; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.fixture
def undecided():
    """The environment, without what says how threads wait."""
    return {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "5000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_spin_briefly_unless_somebody_has_decided(given, expected, undecided):
    environment = undecided | given
    said = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == expected


def test_pytorch_reads_it(undecided):
    """The OpenMP that PyTorch brings says itself that it waits so: the variable was set before it was loaded."""
    if not sys.platform.startswith("linux"):
        pytest.skip("GNU's OpenMP comes with PyTorch on Linux")
    environment = undecided | {"OMP_DISPLAY_ENV": "VERBOSE"}
    command = [sys.executable, "-c", "import finsent, torch"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "GOMP_SPINCOUNT = '5000'" in said.stderr
