"""Which run is meant: an id, the beginning of one, a name, a folder, ``latest``, and never a guess."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from finsent.errors import RunNotFoundError
from finsent.recipe import get_recipe
from finsent.runs.find import find_folder, find_run
from finsent.runs.store import create_run


def made(runs_dir, run_id, name=""):
    """Create a run of an id, made at the time that the id says."""
    run = create_run(get_recipe("quick"), runs_dir, name)
    folder = runs_dir / run_id
    run.folder.rename(folder)
    created = datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    run = run.model_copy(update={"id": run_id, "created": created, "folder": folder})
    (folder / "run.json").write_text(run.model_dump_json())
    return run


@pytest.fixture
def three(runs_dir):
    return [
        made(runs_dir, "20260101-100000-aaaaaa", "first try"),
        made(runs_dir, "20260101-110000-bbbbbb", "twice"),
        made(runs_dir, "20260202-120000-cccccc", "twice"),
    ]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("20260101-100000-aaaaaa", 0),
        ("20260101-10", 0),
        ("202602", 2),
        ("first try", 0),
        (" first  try ", 0),
        ("latest", 2),
    ],
)
def test_an_id_its_beginning_a_name_and_latest_find_a_run(three, runs_dir, words, place):
    assert find_run(runs_dir, words) == three[place]


def test_the_path_of_a_run_folder_finds_it(three, runs_dir, monkeypatch):
    monkeypatch.chdir(runs_dir.parent)
    for words in (str(three[1].folder), f"runs/{three[1].id}/", f"./runs/../runs/{three[1].id}"):
        assert find_run(runs_dir, words) == three[1]


def test_a_whole_name_counts_before_the_beginning_of_ids(three, runs_dir):
    named = made(runs_dir, "20250101-000000-dddddd", "2026")
    assert find_run(runs_dir, "2026") == named


@pytest.mark.parametrize(("words", "places"), [("20260101", (0, 1)), ("twice", (1, 2))])
def test_what_fits_several_runs_is_refused_with_their_names(three, runs_dir, words, places):
    with pytest.raises(RunNotFoundError, match="could be any of 2 runs") as told:
        find_run(runs_dir, words)
    assert re.findall(r"\d{8}-\d{6}-[0-9a-f]{6}", str(told.value)) == [three[place].id for place in reversed(places)]
    assert "(twice, queued)" in str(told.value)


@pytest.mark.parametrize(
    "words",
    ["", " ", ".", "..", "../secret", "../../etc", "first", "20270101", "~nobody-here/x", "x" * 300, "a/" + "x" * 300]
    + ["a\0b", "/a\0b", "20260101-100000-aaaaaa/..", "20260101-100000-aaaaaa/run.json", "*", "2026*"],
)
def test_what_fits_no_run_is_refused_with_those_there(three, runs_dir, words):
    (runs_dir / "run.json").write_text("{}")
    with pytest.raises(RunNotFoundError, match="There is no run") as told:
        find_run(runs_dir, words)
    assert all(run.id in str(told.value) for run in three)


def test_of_many_runs_the_newest_are_named(runs_dir):
    start = datetime(2026, 1, 1)
    runs = [made(runs_dir, f"{start + timedelta(days=day):%Y%m%d-%H%M%S}-aaaaaa") for day in range(9)]
    with pytest.raises(RunNotFoundError, match=r"20260109.* and 3 more\.") as told:
        find_run(runs_dir, "no such")
    assert runs[0].id not in str(told.value)


def test_without_runs_there_is_no_latest(runs_dir):
    for folder in (runs_dir, runs_dir / "not there"):
        with pytest.raises(RunNotFoundError, match="no run “latest”.*Runs there: none"):
            find_run(folder, "latest")


@pytest.mark.security("The path of a run in another folder of runs is given", "It is not reached")
def test_a_run_of_another_folder_is_not_reached_but_the_way_is_told(three, runs_dir, tmp_path):
    with pytest.raises(RunNotFoundError, match=f"--runs-dir {runs_dir}"):
        find_run(tmp_path / "others", str(three[0].folder))


def test_a_run_that_cannot_be_read_is_found_as_a_folder(three, runs_dir):
    (three[0].folder / "run.json").write_text("{ half")
    assert find_folder(runs_dir, "20260101-10") == three[0].folder
    with pytest.raises(RunNotFoundError, match=r"20260101-100000-aaaaaa \(damaged\)"):
        find_folder(runs_dir, "20260101")
