"""Rows whose label is flagged: found for a run's own test rows and for other judged rows, from what was saved."""

import pytest

from finsent.data.corrections import Flags
from finsent.errors import CorrectionsError
from finsent.evaluation.in_proportion import in_proportion, verdict_on
from finsent.metrics.wording import verdict_lines
from finsent.runs.corrections import corrections_file
from finsent.runs.evaluated_sets import judged_pair
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
    assert flagged_rows(run, IDS) == Flags()
    assert flagged_rows(update_run(run.folder, source_hash=""), IDS) == Flags()


def test_what_was_decided_but_to_keep_a_label_is_a_doubt(run, file):
    lines = [line("r3", "flag"), line("r1", "change"), line("r2", "keep"), line("elsewhere", "flag")]
    lines += [line("r4", "nonsense"), line("r5", "flag", data="ffff"), line("r6", "flag", data="")]
    # As somebody may have written it by hand.
    lines += [line("r7", "flag", data=HASH), line("r8", "flag", data="f" * 64)]
    file.write_text(HEAD + "".join(lines))
    found = flagged_rows(run, IDS)
    assert found.rows == ("r1", "r3", "r7")
    told = ["Line 6: the decision “nonsense” is none of keep, change, drop, flag."]
    told += [f"Line {line}: it is about another data set, or an older state" for line in (7, 8, 10)]
    assert all(said.startswith(words) for said, words in zip(found.unusable, told, strict=True))


def test_a_line_that_contradicts_one_before_it_or_has_no_time_is_told_of(run, file):
    lines = [line("r3", "flag"), line("r3", "flag"), line("r3", "keep"), line("r4", "flag").replace("2026", "soon")]
    file.write_text(HEAD + "".join(lines))
    found = flagged_rows(run, IDS)
    assert found.rows == ("r3",)
    assert found.unusable[0] == "Line 4: the row “r3” is decided otherwise on a line before it, which counts."
    assert found.unusable[1].startswith("Line 5: “soon-01-31")
    verdict = verdict_on(judged_pair(run), in_proportion(judged_pair(run)), flagged=found)
    (told,) = [text for title, text in verdict_lines(verdict) if title == "Flagged"]
    assert told.startswith("1 of 12 test rows has a label flagged as doubtful.")
    assert "2 lines of corrections.csv cannot be used and flag nothing. Line 4: the row" in told


def test_other_rows_are_found_by_the_key_of_their_set(run, file):
    file.write_text(HEAD + line("r3", "flag"))
    assert flagged_rows(run, IDS, HASH[:12]).rows == ("r3",)
    assert flagged_rows(run, IDS, "f" * 12) == Flags()


@pytest.mark.parametrize("content", [b"no,table\n1,2\n", b"\xff\xfe\xff"])
def test_a_file_that_is_none_is_said(run, file, content):
    file.write_bytes(content)
    with pytest.raises(CorrectionsError, match=r"corrections\.csv"):
        flagged_rows(run, IDS)
