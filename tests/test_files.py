"""Paths that people type: what could be one is a path, what could not is one sentence."""

import os
import tempfile
from pathlib import Path

import pytest

from finsent.errors import FinsentError, SourceNotFoundError
from finsent.files import PROJECT, check_within_roots, typed_path
from finsent.files import roots as allowed_roots


def ask(text):
    return typed_path(text, SourceNotFoundError, "data", "Give a file.")


def bad_paths(folder):
    """Every kind of path that the system refuses to look at, with words of what is said about it."""
    (folder / "a.csv").write_text("text,label\n")
    return {
        "home": ("~nobody-of-that-name/x.csv", "home folder is unknown"),
        "long": ("x" * 300, "File name too long"),
        "NUL": ("a\0b.csv", "no path can have"),
        "through a file": (str(folder / "a.csv" / "b.csv"), "is a file, no folder"),
        "not text": (os.fsdecode(b"caf\xe9.csv"), "no path can have"),
        "blank": (" ", "is blank"),
    }


@pytest.mark.security("What can be no path is given for one", "One sentence says so")
@pytest.mark.parametrize("kind", ["home", "long", "NUL", "through a file", "not text", "blank"])
def test_what_can_be_no_path_is_one_sentence(tmp_path, kind):
    path, words = bad_paths(tmp_path)[kind]
    with pytest.raises(SourceNotFoundError, match=words) as raised:
        ask(path)
    message = str(raised.value)
    assert message.endswith("Give a file.")
    assert message.isprintable() and message.encode()


@pytest.mark.security("A loop of links is given for a path", "One sentence says so")
def test_a_loop_of_links_is_one_sentence(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SourceNotFoundError, match="levels of symbolic links"):
        ask(tmp_path / "loop")


def test_a_home_folder_is_found_and_what_is_not_there_yet_is_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ask("~/new [2024] 100%.csv") == tmp_path / "new [2024] 100%.csv"
    assert ask("./~x.csv") == Path("./~x.csv")
    assert ask(Path("no/such")) == Path("no/such")


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """The one folder that the pages may read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("text,label\n")
    monkeypatch.setenv("FINSENT_ROOTS", str(tmp_path / "in"))
    return tmp_path / "in"


def answer(path):
    """Return what is said of a path, without the path."""
    try:
        check_within_roots(str(path), SourceNotFoundError, "data")
    except SourceNotFoundError as error:
        return str(error).replace(str(path), "")
    return None


def test_what_is_inside_may_be_read_whether_or_not_it_is_there(roots):
    for path in (roots, roots / "none.csv", roots / "deep" / "none.csv", f"{roots}/x/../none.csv"):
        assert answer(path) is None


@pytest.mark.security("A loop of links, outside the folders that may be read", "The sentence of every path outside")
def test_a_loop_outside_is_as_nothing_outside(roots):
    out = roots.parent / "out"
    (out / "loop").symlink_to(out / "loop")
    assert answer(out / "loop") == answer(out / "none") is not None


@pytest.mark.security("A folder whose name begins as one that may be read does", "Refused")
def test_a_name_that_begins_alike_is_outside(roots):
    assert answer(f"{roots}side/a.csv") is not None


@pytest.mark.security("The home folder of a user is named, to learn who has an account", "The same whether or not")
def test_the_home_folders_of_others_are_unknown(roots):
    assert answer("~root/x").replace("~root/x", "") == answer("~nobody-of-that-name/x")
    assert "home folder is unknown" in answer("~root/x")


def test_without_the_setting_it_is_the_project_the_home_and_the_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("FINSENT_ROOTS", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert set(allowed_roots()) == {PROJECT, Path("/home/somebody"), Path(tempfile.gettempdir()).resolve()}
    assert answer("~/data.csv") is None
    assert answer("/etc/passwd") is not None


def test_a_setting_that_can_be_no_path_is_a_sentence(monkeypatch):
    monkeypatch.setenv("FINSENT_ROOTS", "~nobody-of-that-name/x")
    with pytest.raises(FinsentError, match="FINSENT_ROOTS"):
        allowed_roots()
