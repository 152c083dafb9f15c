"""Rows whose label is flagged: found for a run's own test rows and for other judged rows, from what was saved."""

import pytest

from finsent.errors import CorrectionsError
from finsent.runs.corrections import corrections_file
from finsent.runs.flags import flagged_rows
from finsent.runs.store import update_run
from tests.predictions import made_run, twelve

HASH = "0123456789abcdef" * 4
HEAD = "row_id,decision,old_label,new_label,reason,time,data\n"


def line(row, decision, data=HASH[:16]):
    return f"{row},{decision},neutral,,,2026-01-31T12:00:00+00:00,{data}\n"


@pytest.fixture
def run(runs_dir):
    run = made_run(runs_dir, *twelve())
    return update_run(run.folder, source_hash=HASH)


@pytest.fixture
def file(run, runs_dir):
    file = corrections_file(runs_dir, HASH)
    file.parent.mkdir(parents=True)
    return file


IDS = [f"r{number}" for number in range(12)]


def test_nothing_was_decided(run):
    assert flagged_rows(run, IDS) == ()
    assert flagged_rows(update_run(run.folder, source_hash=""), IDS) == ()


def test_what_was_decided_but_to_keep_a_label_is_a_doubt(run, file):
    lines = [line("r3", "flag"), line("r1", "change"), line("r2", "keep"), line("elsewhere", "flag")]
    lines += [line("r4", "nonsense"), line("r5", "flag", data="ffff"), line("r6", "flag", data="")]
    # As somebody may have written it by hand.
    lines += [line("r7", "flag", data=HASH), line("r8", "flag", data="f" * 64)]
    file.write_text(HEAD + "".join(lines))
    assert flagged_rows(run, IDS) == ("r1", "r3", "r7")


def test_other_rows_are_found_by_the_key_of_their_set(run, file):
    file.write_text(HEAD + line("r3", "flag"))
    assert flagged_rows(run, IDS, HASH[:12]) == ("r3",)
    assert flagged_rows(run, IDS, "f" * 12) == ()


@pytest.mark.parametrize("content", [b"no,table\n1,2\n", b"\xff\xfe\xff"])
def test_a_file_that_is_none_is_said(run, file, content):
    file.write_bytes(content)
    with pytest.raises(CorrectionsError, match=r"corrections\.csv"):
        flagged_rows(run, IDS)
