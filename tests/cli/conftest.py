"""Fixtures of the command line's tests: carry out a command, and a run with predictions that no model has made."""

import functools
import json
import shutil

import pandas as pd
import pytest

from finsent.cli import main as command_line
from finsent.cli.main import main
from finsent.runs.store import default_runs_dir, load_run
from tests.predictions import made_pair, made_run

#: Made once for a thousand commands.
PARSER = functools.cache(command_line.build_parser)


@pytest.fixture(autouse=True)
def parser_made_once(monkeypatch):
    """Let all commands be read by one parser, whose folder of runs is the moment's, as a new one's would be."""

    def parser():
        made = PARSER()
        folder = default_runs_dir()
        for command in made._subparsers._group_actions[0].choices.values():
            for action in command._actions:
                if action.dest == "runs_dir":
                    action.default = folder
        return made

    monkeypatch.setattr(command_line, "build_parser", parser)


@pytest.fixture
def run_json(capsys):
    """Carry out a command that succeeds and return what ``--json`` prints last."""

    def run(*arguments):
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return run


@pytest.fixture
def refused(capsys):
    """Carry out a command that is a user's mistake and return its one line."""

    def run(*arguments):
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
        streams = capsys.readouterr()
        assert code == 2
        assert streams.out == ""
        assert len(streams.err.strip().splitlines()) == 1
        assert "Traceback" not in streams.err
        return streams.err.strip()

    return run


@pytest.fixture(scope="session")
def judged_once(tmp_path_factory):
    """The folder of runs of :func:`judged`, of which each test has a copy."""
    training = pd.DataFrame(
        {
            "row_id": [f"t{number}" for number in range(40)],
            "text": [f"Made text {number} was taught with news {number % 7}" for number in range(40)],
            "label": ["neutral", "positive", "negative", "neutral"] * 10,
            "answers": "positive|neutral|negative",
        }
    )
    folder = tmp_path_factory.mktemp("judged")
    return made_run(folder, *made_pair(160, validation=60), training, name="made for tests")


@pytest.fixture
def judged(judged_once, runs_dir):
    """A finished run of 160 made rows, 60 of them for validation, with 40 training rows."""
    shutil.copytree(judged_once.folder.parent, runs_dir, dirs_exist_ok=True)
    return load_run(runs_dir, judged_once.id)
