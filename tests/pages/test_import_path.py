"""While pages are run, nothing moves the list of folders that other threads import from."""

import runpy
import sys
from pathlib import Path

from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
from streamlit.testing.v1 import AppTest

from finsent.files import PROJECT
from pages.import_path import keep_import_path

APP = PROJECT / "pages" / "app.py"


class Watched(list):
    """A list of folders that notes whatever is put in or taken away."""

    def __init__(self, folders):
        super().__init__(folders)
        self.changes = []

    def insert(self, place, folder):
        self.changes.append(folder)
        super().insert(place, folder)

    def remove(self, folder):
        self.changes.append(folder)
        super().remove(folder)


def test_a_page_that_is_run_leaves_the_list_alone(runs_dir, monkeypatch):
    watched = Watched(sys.path)
    monkeypatch.setattr(sys, "path", watched)
    assert not AppTest.from_file(str(APP), default_timeout=60).run().exception
    assert not watched.changes


def test_without_it_the_list_would_move(monkeypatch):
    folders = [folder for folder in sys.path if Path(folder).absolute() != APP.parent]
    monkeypatch.setattr(sys, "path", folders)
    with modified_sys_path(str(APP)):
        assert str(APP.parent) in folders
    assert str(APP.parent) not in folders
    keep_import_path()
    kept = list(folders)
    with modified_sys_path(str(APP)):
        assert folders == kept
    assert folders == kept


def test_the_server_keeps_it(monkeypatch):
    folders = [folder for folder in sys.path if Path(folder).absolute() != APP.parent]
    monkeypatch.setattr(sys, "path", folders)
    served = runpy.run_path(str(PROJECT / "streamlit_app.py"))["app"]
    kept = list(sys.path)
    with modified_sys_path(str(PROJECT / served.script_path)):
        assert sys.path == kept
