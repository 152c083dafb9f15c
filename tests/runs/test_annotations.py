"""Tags and notes: saved with the run, checked, and never half-written."""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from finsent.errors import AnnotationError
from finsent.recipe import get_recipe
from finsent.runs.annotations import (
    NOTE_LENGTH,
    SUGGESTED_TAGS,
    TAGS_EACH,
    annotate,
    annotations_file,
    known_tags,
    noted_elsewhere,
    read_annotations,
    tagged_rows,
    with_annotations,
)
from finsent.runs.store import create_run, update_run


@pytest.fixture
def run(runs_dir):
    return create_run(get_recipe("quick"), runs_dir)


def test_a_run_starts_without_annotations(run):
    assert read_annotations(run) == {}
    assert not annotations_file(run).exists()


def test_tags_and_notes_are_kept_and_replaced(run):
    annotate(run, "r1", ["  needs context ", "mine"], " why? ")
    annotate(run, "r2", [], "=HYPERLINK()")
    annotate(run, "r1", ["mine", "mine"], "")
    saved = read_annotations(run)
    assert (saved["r1"].tags, saved["r1"].note) == (["mine"], "")
    assert saved["r2"].note == "=HYPERLINK()"


def test_nothing_said_is_nothing_saved(run):
    annotate(run, "r1", ["mine"], "")
    annotate(run, "r1", [], "  ")
    assert read_annotations(run) == {}


@pytest.mark.parametrize(
    ("tags", "note"),
    [
        ([" "], ""),
        (["x" * 41], ""),
        ([str(number) for number in range(TAGS_EACH + 1)], ""),
        ([], "x" * (NOTE_LENGTH + 1)),
    ],
)
def test_what_is_out_of_range_changes_nothing(run, tags, note):
    annotate(run, "r1", ["mine"], "kept")
    before = annotations_file(run).read_bytes()
    with pytest.raises(AnnotationError, match="cannot be saved"):
        annotate(run, "r1", tags, note)
    assert annotations_file(run).read_bytes() == before


@pytest.mark.security("The file of tags and notes is damaged", "It is told and left as it is")
@pytest.mark.parametrize("content", ["", "[1]", '{"rows": {"r1": {"tags": "x"}}}', '{"schema_version": 1, "new": 2}'])
def test_a_damaged_file_is_told_and_left_alone(run, content):
    annotations_file(run).write_text(content)
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_annotations(run)
    with pytest.raises(AnnotationError):
        annotate(run, "r1", ["mine"], "")
    assert annotations_file(run).read_text() == content


def test_two_readers_at_once_lose_nothing(run):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: annotate(run, f"r{number}", ["mine"], ""), range(20)))
    assert len(read_annotations(run)) == 20


def test_tags_in_use_are_offered_and_found(run):
    annotate(run, "r1", ["a"], "")
    annotate(run, "r2", ["b"], "")
    saved = read_annotations(run)
    assert known_tags(saved) == sorted([*SUGGESTED_TAGS, "a", "b"])
    assert tagged_rows(saved, ["b", "c"]) == ["r2"]


def test_items_carry_their_annotations(run):
    annotate(run, "r2", ["a", "b"], "why")
    items = with_annotations(pd.DataFrame({"row_id": ["r1", "r2"]}), read_annotations(run))
    assert items[["tags", "note"]].to_numpy().tolist() == [["", ""], ["a; b", "why"]]


def test_what_was_said_with_other_runs_of_the_same_data_is_found(runs_dir):
    runs = [
        update_run(create_run(get_recipe("quick"), runs_dir, name).folder, source_hash=data)
        for name, data in (("mine", "a"), ("first", "a"), ("second", "a"), ("other data", "b"), ("damaged", "a"))
    ]
    for number, run in enumerate(runs):
        annotate(run, "r1", [f"tag {number}"], "")
    annotate(runs[1], "r2", ["elsewhere"], "")
    annotations_file(runs[4]).write_text("{")
    found = noted_elsewhere(runs[0], runs, "r1")
    assert [(run.name, one.tags) for run, one in found] == [("second", ["tag 2"]), ("first", ["tag 1"])]
    assert noted_elsewhere(runs[0], runs, "r3") == []
