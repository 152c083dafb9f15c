"""Files that visitors bring: kept once, listed, renamed, deleted, with what was decided about them."""

from pathlib import Path

import pytest

from finsent.data.choices import Choices, choices_of
from finsent.data.dataset import load_data
from finsent.data.stored import (
    decide,
    delete,
    find_stored,
    rename,
    store,
    stored_folder,
    stored_sources,
    with_stored_choices,
)
from finsent.errors import LabelsAskedError, UsageError
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.reach import settle

CONTENT = ("text,label\n" + "".join(f"Sales of unit {n} moved,{n % 3}\n" for n in range(30))).encode()
ODD_NAMES = ["../../x.csv", "/etc/passwd", "a\\..\\b.csv", "about.json", "..", "", "\0.csv", "x" * 300]
MEANING = Choices(labels="0=negative,1=neutral,2=positive")


@pytest.fixture
def stored(runs_dir):
    return store(CONTENT, "news.csv")


def test_the_same_content_is_kept_once_and_found_by_its_path(stored, runs_dir):
    assert store(CONTENT, "copy.csv") == stored
    assert [one.path for one in stored_sources()] == [stored.path]
    assert stored.path.read_bytes() == CONTENT and stored.path.is_relative_to(runs_dir)
    assert find_stored(str(stored.path)) == stored
    for other in ("", "embedded", "a\0b", str(runs_dir), str(stored.path.parent), str(stored.path.with_name("x.csv"))):
        assert find_stored(other) is None


def test_what_was_decided_is_kept_and_goes_into_a_runs_recipe(stored):
    with pytest.raises(LabelsAskedError):
        load_data(str(stored.path))
    decide(stored, MEANING)
    assert load_data(str(stored.path)).rows["label"].value_counts().to_dict() == dict.fromkeys(
        ("negative", "neutral", "positive"), 10
    )
    recipe = settle(change_recipe(get_recipe("quick"), {"source": str(stored.path)}))
    assert recipe.labels == MEANING.labels
    own = Choices(labels="0=positive,1=neutral,2=negative")
    assert with_stored_choices(str(stored.path), own).labels == own.labels


def test_a_name_changes_and_nothing_else(stored):
    renamed = rename(stored, "  My \n news ")
    assert (renamed.title, renamed.path, renamed.choices) == ("My news", stored.path, stored.choices)
    for title in ("", " ", "x" * 101):
        with pytest.raises(UsageError):
            rename(stored, title)


def test_deleted_is_gone_and_its_neighbour_stays(stored):
    other = store(CONTENT + b"more,1\n", "more.csv")
    delete(stored)
    assert [one.path for one in stored_sources()] == [other.path]
    assert find_stored(str(stored.path)) is None


@pytest.mark.security("A file is uploaded under a name that leads elsewhere", "It lies in its own folder")
@pytest.mark.parametrize(
    "name", ["../../x.csv", "/etc/passwd", "a\\..\\b.csv", "about.json", "..", "", "\0.csv", "x" * 300]
)
def test_a_name_never_leads_out_of_its_folder(runs_dir, name):
    kept = store(CONTENT, name)
    assert kept.path.parent.parent == stored_folder() and kept.path.is_file()
    assert Path(kept.path.name).name == kept.path.name != "about.json" and len(kept.path.name) <= 110


@pytest.mark.security("What is kept about a stored file is damaged", "It is passed over, and the others are listed")
@pytest.mark.parametrize("content", ["", "{", '{"title": "x"}', "[]", '{"choices": {"a": 1}}'])
def test_a_damaged_one_is_passed_over(stored, content):
    other = store(CONTENT + b"more,1\n", "more.csv")
    (stored.path.parent / "about.json").write_text(content)
    assert [one.path for one in stored_sources()] == [other.path]


def test_defaults_leave_recipes_as_they_were():
    assert choices_of(get_recipe("quick")) == Choices()
    assert load_data("embedded").fingerprint.startswith(EMBEDDED_HASH)


#: The beginning of the SHA-256 of the embedded rows.
EMBEDDED_HASH = "a2e03f8d46ce8c59e5ce77bd55d11d28"
