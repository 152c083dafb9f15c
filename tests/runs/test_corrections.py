"""Corrections as they are kept: versions, hashes, undo, and files edited by hand."""

import pytest

from finsent.data.prepared import prepare
from finsent.errors import CorrectionsError
from finsent.recipe import change_recipe, get_recipe
from finsent.runs.corrections import corrections_file, decide, given_corrections, saved_corrections, take_over, undo


@pytest.fixture(scope="module")
def data(small_csv):
    return prepare(change_recipe(get_recipe("quick"), {"source": str(small_csv)}))


def row(data, place=0):
    found = data.train.iloc[place]
    return found["row_id"], "negative" if found["label"] == "positive" else "positive"


def test_each_decision_is_a_version_and_can_be_taken_back(data, runs_dir):
    before = data.rows.copy()
    nothing = saved_corrections(runs_dir, data)
    assert (nothing.version, nothing.rows) == (0, {})
    (first, other), (second, _) = row(data), row(data, 1)
    decide(runs_dir, data, first, "keep")
    decide(runs_dir, data, first, "change", other, "a result")
    last = decide(runs_dir, data, second, "drop")
    assert (last.version, last.counts["change"], last.counts["drop"]) == (3, 1, 1)
    assert saved_corrections(runs_dir, data) == last
    back, which = undo(runs_dir, data)
    assert (back.version, which, second in back.rows) == (4, second, False)
    back, which = undo(runs_dir, data)
    assert (which, back.rows[first].decision) == (first, "keep")
    assert undo(runs_dir, data)[0].rows == {}
    with pytest.raises(CorrectionsError, match="no decision to take back"):
        undo(runs_dir, data)
    assert data.rows.equals(before)


def test_what_cannot_be_decided_changes_nothing_on_disk(data, runs_dir):
    first, other = row(data)
    saved = decide(runs_dir, data, first, "change", other)
    content = saved.file.read_bytes()
    with pytest.raises(CorrectionsError):
        decide(runs_dir, data, data.test.iloc[0]["row_id"], "drop")
    assert saved.file.read_bytes() == content
    assert saved_corrections(runs_dir, data).version == 1


def test_a_file_edited_by_hand_is_the_next_version_or_refused(data, runs_dir):
    first, other = row(data)
    saved = decide(runs_dir, data, first, "change", other, "why")
    saved.file.write_bytes(saved.content.replace(b"why", b"because"))
    edited = saved_corrections(runs_dir, data)
    assert (edited.version, edited.rows[first].reason) == (2, "because")
    assert edited.sha256 != saved.sha256
    saved.file.write_bytes(saved.content.replace(other.encode(), b"bearish"))
    with pytest.raises(CorrectionsError, match="Line 2"):
        saved_corrections(runs_dir, data)
    with pytest.raises(CorrectionsError, match="Line 2"):
        decide(runs_dir, data, first, "keep")
    saved.file.with_name("about.json").write_text("{")
    with pytest.raises(CorrectionsError, match="about.json"):
        saved_corrections(runs_dir, data)


def test_a_file_of_somebody_else_is_taken_over_whole(data, runs_dir, tmp_path):
    (first, other), (second, _) = row(data), row(data, 1)
    theirs = tmp_path / "theirs.csv"
    theirs.write_bytes(decide(runs_dir, data, first, "change", other).content)
    decide(runs_dir, data, second, "drop")
    taken = take_over(runs_dir, data, given_corrections(theirs, data))
    assert (taken.version, set(taken.rows)) == (3, {first})
    with pytest.raises(CorrectionsError, match="cannot be read"):
        given_corrections(tmp_path / "nowhere.csv", data)


def test_another_data_set_has_corrections_of_its_own(data, runs_dir):
    first, other = row(data)
    saved = decide(runs_dir, data, first, "change", other)
    embedded = prepare(get_recipe("quick"))
    assert saved_corrections(runs_dir, embedded).rows == {}
    with pytest.raises(CorrectionsError, match="another data set"):
        given_corrections(saved.file, embedded)
    assert corrections_file(runs_dir, embedded.source_hash) != saved.file
