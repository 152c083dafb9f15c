"""The cases of public reports by the commands that stand beside them, carried out in this process."""

import json
import re
import shlex
import shutil

import pytest

from finsent.cli.main import main
from tests.data.test_cases import CASES, EXPECTED, REPORTS, ROWS, SAID, folders

pytestmark = pytest.mark.skipif(not EXPECTED, reason="the cases are not part of the project, nor beside it")
#: What cannot be read at all, or has to be asked: exit code 2 and one line. Of the rest, refused rows are listed.
ASKED = {"19", "28", "29", "30", "31", "32", "33", "34", "38", "39", "42", "59", "74", "75", "78", "93"}


@pytest.fixture
def carry_out(capsys):
    """Carry out a command and return its exit code, its standard output and its standard error."""

    def run(*arguments):
        code = main(arguments)
        streams = capsys.readouterr()
        assert "Traceback" not in streams.err
        if code:
            assert (code, streams.out, len(streams.err.strip().splitlines())) == (2, "", 1)
        return code, streams.out, streams.err

    return run


def commands(folder, case):
    """Return the arguments of each line of a report's command, with ``case`` for its folder."""
    lines = (folder / "cmd").read_text().replace("$CASE", str(case)).splitlines()
    return [shlex.split(line)[3:] for line in lines if line.startswith('"$PY" -m finsent')]


@pytest.mark.parametrize(
    "folder", [one for one in folders() if one.name[:2] not in ("79", "80", "86")], ids=lambda folder: folder.name
)
def test_a_report_by_its_command(folder, carry_out, runs_dir):
    number, (given,) = folder.name[:2], commands(folder, folder)
    code, out, said = carry_out(*given)
    if number in ASKED:
        assert code == 2 and re.search(REPORTS[number], said), said
        return
    facts = json.loads(out.splitlines()[-1])
    assert facts["rows"] + facts["refused"] == facts["total_rows"] == sum(facts["labels"].values()) + facts["refused"]
    if number in REPORTS:
        _, words, _ = carry_out(*[one for one in given if one != "--json"])
        assert facts["refused"] and re.search(REPORTS[number], words), words
    else:
        assert (facts["rows"], facts["refused"]) == (ROWS.get(number, 60), 0)


def test_a_column_of_headlines_is_taken_and_said(carry_out, runs_dir, tiny_llama):
    (folder,) = [one for one in folders() if one.name[:2] == "79"]
    (given,) = commands(folder, folder)
    given[given.index("--runs-dir") + 1] = str(runs_dir)
    code, out, said = carry_out(*given, "--model", str(tiny_llama))
    assert code == 0 and "Texts are taken from the column “Headline”." in said
    assert all(answer["text"] for answer in json.loads(out.splitlines()[-1]))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_by_the_command(name, carry_out, tmp_path):
    expected = EXPECTED[name]
    code, out, said = carry_out("data", "--source", str(CASES / name), "--json", "--refused", str(tmp_path / "no.csv"))
    if code:
        assert expected["outcome"] in ("ask", "refuse", "refuse-lines") and re.search(SAID[name], said), said
        return
    facts = json.loads(out.splitlines()[-1])
    if expected["outcome"] == "read":
        assert facts["labels"] == expected["labels"]
    else:
        listed = " ".join(f"{row['unit']} {row['place']}: {row['reason']}" for row in facts["refused_rows"])
        assert facts["refused"] and all(f"line {line}: " in listed for line in expected.get("lines", ()))
        # A training stops at what is only shown here.
        stopped, _, why = carry_out("train", "--source", str(CASES / name), "--estimate")
        assert stopped == 2 and re.search(SAID[name], why), why
    assert facts["rows"] + facts["refused"] == facts["total_rows"] == expected.get("rows_read_plus_refused", 60)


@pytest.mark.long
def test_a_run_on_a_few_rows_and_what_it_judges(carry_out, runs_dir, tiny_llama, tmp_path, real_worker):
    (folder,) = [one for one in folders() if one.name[:2] == "80"]
    case = tmp_path / "case"
    shutil.copytree(folder, case)
    train, ints, bear, one, heads = commands(folder, case)
    assert carry_out(*train, "--model", str(tiny_llama))[0] == 0
    (run,) = [path.name for path in (case / "runs").iterdir() if not path.name.startswith(".")]
    ints, bear, one, heads = ([run if word == "$RUN" else word for word in words] for words in (ints, bear, one, heads))
    assert re.search("“0”.*“1”.*“2”", carry_out(*ints)[2])
    assert json.loads(carry_out(*bear)[1].splitlines()[-1])["n"] == 9
    figures = json.loads(carry_out(*one)[1].splitlines()[-1])
    recalls = {name: one["recall"] for name, one in figures["tuned"]["per_class"].items()}
    assert figures["n"] == 6 and recalls["negative"] is None and recalls["neutral"] is not None
    assert re.search("heads.csv: 1 of 5 rows have an empty text, the first is row 4", carry_out(*heads)[2])
    answers = json.loads(carry_out(*[word.replace("heads.", "heads2.") for word in heads])[1].splitlines()[-1])
    assert [answer["text"] for answer in answers][1] == "NA" and len(answers) == 3
