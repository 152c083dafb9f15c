"""The whole tree of dependencies is locked, and the lock says what the two short lists ask for."""

import importlib.metadata
import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from finsent.files import PROJECT

LOCK = PROJECT / "requirements.lock"


def lines(name):
    text = (PROJECT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture
def locked():
    """The version of each locked package."""
    return {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines("requirements.lock")}


@pytest.mark.security("A release of a package further down the tree is exchanged", "Every package of it is locked")
def test_everything_that_a_locked_package_needs_is_locked_at_a_version_that_it_takes(locked):
    for name in locked:
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert locked[canonicalize_name(needed.name)] in needed.specifier, f"{name} needs {needed}"


def test_the_lock_has_the_versions_of_the_short_lists(locked):
    for text in [*lines("requirements.txt"), *lines("tests/requirements.txt")]:
        asked = Requirement(text)
        assert str(asked.specifier) == f"=={locked[canonicalize_name(asked.name)]}"


@pytest.mark.security("A lock file that names an address to install from", "It holds names and versions alone")
def test_the_lock_names_no_address_no_folder_and_no_gpu_package(locked):
    assert all(re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+", line) for line in lines("requirements.lock"))
    assert "://" not in LOCK.read_text(encoding="utf-8")
    assert not [name for name in locked if name.startswith(("nvidia", "cuda", "triton"))]
    assert locked["torch"] == "2.13.0"
