"""A disk that is full or read-only: the app stays up and says so, and no worker is started that nobody could find."""

import contextlib
import subprocess
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.recipe import get_recipe
from finsent.runs import starting
from finsent.runs.store import create_run, load_run
from pages.shared import places

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk of its own, for runs; and a function that fills it or makes it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=208m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk takes rights that this user does not have")
    monkeypatch.setenv("FINSENT_RUNS", str(folder))

    def spoil(how):
        if how == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        else:
            with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
                while ballast.write(bytes(2**12)):
                    pass

    yield folder, spoil
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def started(monkeypatch):
    """The recipes for which a worker was started."""
    commands = []
    real = starting.worker_command

    def command(recipe):
        commands.append(recipe)
        return real(recipe)

    monkeypatch.setattr(starting, "worker_command", command)
    return commands


@pytest.mark.security("The disk is full or read-only", "Pages open, say so, and start no worker that nobody could find")
@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.parametrize("page", [places.LAB, places.TRAIN])
def test_the_app_stays_up_says_so_and_starts_nothing(disk, started, how, page):
    folder, spoil = disk
    run = create_run(get_recipe("quick"), folder)
    spoil(how)
    app = AppTest.from_file(APP, default_timeout=60).run()
    app.switch_page(page).run().run()
    assert not app.exception
    assert len(app.title) == 1
    (words,) = [element.value.replace("\\", "") for element in app.warning]
    assert str(folder) in words
    assert "no run is launched, and those that wait are not started" in words
    assert started == []
    assert load_run(folder, run.id).waiting


def test_with_room_nothing_is_said(runs_dir):
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert not app.warning
