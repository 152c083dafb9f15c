"""How long OpenMP's threads of this process, and of those that it starts, spin while they wait for one another.

PyTorch divides each matrix product among its threads and waits for the slowest. GNU's OpenMP lets those that are ready
spin for milliseconds, which costs nothing on cores of their own. Where another process needs one of the cores, they
burn the other while the thread that they wait for has none: training on two cores then loses far more than was taken
from it. They spin for a fraction of a millisecond instead, which is longer than the gaps between two products, and
sleep afterwards. What is computed stays the same, bit for bit.

The variable is read when PyTorch is imported, so it is set before anything else of finsent is.

Documentation: https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
"""

import os

_SPINS = "5000"
#: Whoever sets one of them has decided.
_DECIDED = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def wait_briefly() -> None:
    """Let OpenMP's threads spin briefly, unless the environment says how they wait."""
    if not any(name in os.environ for name in _DECIDED):
        os.environ["GOMP_SPINCOUNT"] = _SPINS
