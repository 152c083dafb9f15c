"""PyTorch's compiler is switched off by whatever finsent starts, unless somebody has decided."""

import os
import runpy
import sys

import pytest

from finsent.files import PROJECT
from finsent.uncompiled import compile_nothing

SWITCH = "TORCHDYNAMO_DISABLE"


@pytest.fixture
def undecided(monkeypatch):
    """The environment, without what says whether anything is compiled."""
    # What is set meanwhile is taken away again.
    monkeypatch.setenv(SWITCH, "")
    del os.environ[SWITCH]


def command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["finsent", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_module("finsent", run_name="__main__")


def app(monkeypatch):
    runpy.run_path(str(PROJECT / "streamlit_app.py"))


def worker(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["worker", "a folder that is not there"])
    monkeypatch.delitem(sys.modules, "finsent.runs.worker", raising=False)
    with pytest.raises(Exception, match="a folder that is not there"):
        runpy.run_module("finsent.runs.worker", run_name="__main__")


@pytest.mark.parametrize("start", [command_line, app, worker])
def test_whatever_is_started_compiles_nothing(start, undecided, monkeypatch, capsys):
    start(monkeypatch)
    assert os.environ[SWITCH] == "1"


def test_who_has_decided_keeps_it(undecided, monkeypatch):
    monkeypatch.setenv(SWITCH, "0")
    compile_nothing()
    assert os.environ[SWITCH] == "0"


def test_whoever_uses_finsent_as_a_library_keeps_the_compiler(undecided, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "finsent"]:
        monkeypatch.delitem(sys.modules, name)
    __import__("finsent")
    assert SWITCH not in os.environ


def test_pytorch_heeds_it():
    import torch

    def twice(value):
        return value * 2

    assert torch.compile(twice) is twice
