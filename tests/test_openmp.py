"""Threads that wait for others leave their core soon, unless the environment says how they wait."""

import os
import subprocess
import sys

import pytest

ASK = "import finsent, os; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "5000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_spin_briefly_unless_somebody_has_decided(given, expected):
    kept = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    said = subprocess.run([sys.executable, "-c", ASK], env=kept | given, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == expected


def test_pytorch_reads_it():
    """The variable means something to the OpenMP that PyTorch brings, and is set before it is loaded."""
    ask = "import finsent, torch; print('libgomp' in open('/proc/self/maps').read())"
    if not sys.platform.startswith("linux"):
        pytest.skip("GNU's OpenMP comes with PyTorch on Linux")
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "True"
