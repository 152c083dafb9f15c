"""Processes whose every attempt to reach another machine is written down, by Python's own audit events.

The events come from a ``sitecustomize`` that each process started with :func:`environment` imports before anything
else, those that it starts itself included.
"""

import os
from pathlib import Path

_SITECUSTOMIZE = """
import os, sys

def note(event, arguments):
    address = None
    if event == "socket.getaddrinfo":
        address = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        address = arguments[1][0]
    if address not in (None, "", "localhost", "::1") and not str(address).startswith("127."):
        with open(os.environ["RECORDED_SOCKETS"], "a") as record:
            record.write(f"{event} {address} by {sys.argv}\\n")

sys.addaudithook(note)
"""
#: What would hide an attempt: libraries are silent where these are set.
_HIDING = ("CI", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
_HIDING += ("DISABLE_TELEMETRY", "DO_NOT_TRACK", "HF_UPDATE_DOWNLOAD_COUNTS", "LOCAL_KERNELS")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of such processes; ``folder`` is for the record (see :func:`recorded`)."""
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    record = folder / "record.txt"
    record.touch()
    kept = {name: value for name, value in os.environ.items() if name not in _HIDING}
    return kept | {"PYTHONPATH": str(folder), "RECORDED_SOCKETS": str(record)}


def recorded(folder: Path) -> list[str]:
    """Return every attempt, a line each; loopback and unix sockets are none."""
    return (folder / "record.txt").read_text().splitlines()
