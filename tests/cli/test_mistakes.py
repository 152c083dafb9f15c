"""No nonsense that a command is given ends in a traceback: one clear line, exit code 2, nothing changed on disk."""

import pytest

from finsent.cli.main import build_parser
from finsent.runs.store import list_runs

COMMANDS = build_parser()._subparsers._group_actions[0].choices
#: What a command takes besides a RUN.
BESIDES = {"annotate": ["r1", "--note", "x"], "describe": ["--note", "x"], "export": ["out", "--to", "adapter"]}
BESIDES["correct"] = ["r1", "--keep"]
#: Commands that are given texts, and a RUN by an option.
OF_TEXTS = {"classify", "explain", "edits"}
NO_RUN = ("no-such-run", "", " ", "a\0b", "../../etc", "~nobody/x", "x" * 300, "20260101-000000-abcdef")


def takes(command, name):
    """Whether a command has an argument of this name that takes any text."""
    actions = [one for one in COMMANDS[command]._actions if name in (one.dest, *one.option_strings)]
    return any(action.choices is None for action in actions)


def names_run_by_option(command):
    """Whether a command's run is the value of an option, and not an argument by itself."""
    return any("--run" in one.option_strings for one in COMMANDS[command]._actions)


def pairs(*options):
    return [(name, option) for name in COMMANDS for option in options if takes(name, option)]


def before_it(command):
    """Return arguments that a command cannot do without, before an option that is nonsense."""
    if command in OF_TEXTS:
        return ["Profit rose."]
    if takes(command, "run") and not names_run_by_option(command):
        return ["latest", *BESIDES.get(command, [])]
    return ["latest"] if takes(command, "runs") else []


@pytest.mark.parametrize("nonsense", NO_RUN, ids=ascii)
@pytest.mark.parametrize("command", [name for name in COMMANDS if takes(name, "run") or takes(name, "runs")])
def test_a_run_that_is_none(refused, judged, command, nonsense):
    named = ["--run", nonsense] if names_run_by_option(command) else [nonsense]
    given = [*named, *(["text"] if command in OF_TEXTS else BESIDES.get(command, []))]
    assert "run" in refused(command, *given).lower()
    assert [run.id for run in list_runs(judged.folder.parent)] == [judged.id]


@pytest.mark.parametrize("nonsense", ["no/such/file.csv", "", "a\0b.csv", "~nobody/x.csv", "x" * 300], ids=ascii)
@pytest.mark.parametrize(("command", "option"), pairs("--source", "--model", "--file", "--data"))
def test_data_and_models_that_are_none(refused, judged, command, option, nonsense):
    given = [*before_it(command), option, nonsense]
    assert refused(command, *given, *(["--estimate"] if command == "train" else []))


@pytest.mark.parametrize("nonsense", ["no/such/folder/out.csv", "", "a\0b", "x" * 300, "."], ids=ascii)
@pytest.mark.parametrize(("command", "option"), pairs("--csv", "--parquet", "--out", "--figures", "--refused"))
def test_files_that_cannot_be_written(refused, judged, tmp_path, monkeypatch, command, option, nonsense):
    monkeypatch.chdir(tmp_path)
    if command == "adapter":
        judged.adapter_dir.mkdir()
        (judged.adapter_dir / "adapter_model.safetensors").write_bytes(b"weights")
    assert refused(command, *before_it(command), option, nonsense)


@pytest.mark.parametrize("command", [name for name in COMMANDS if takes(name, "--runs-dir")])
def test_a_folder_of_runs_that_is_none(refused, runs_dir, command):
    assert "folder of runs" in refused(command, *before_it(command), "--runs-dir", "a\0b")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_is_none(refused, runs_dir, command):
    assert "--help" in refused(command, *before_it(command), "--no-such-option")
