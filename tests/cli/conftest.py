"""Fixtures of the command line's tests: carry out a command, and a run with predictions that no model has made."""

import json

import pandas as pd
import pytest

from finsent.cli.main import main
from tests.predictions import made_pair, made_run


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


@pytest.fixture
def judged(runs_dir):
    """A finished run of 160 made rows, 60 of them for validation, with 40 training rows."""
    training = pd.DataFrame(
        {
            "row_id": [f"t{number}" for number in range(40)],
            "text": [f"Made text {number} was taught with news {number % 7}" for number in range(40)],
            "label": ["neutral", "positive", "negative", "neutral"] * 10,
            "answers": "positive|neutral|negative",
        }
    )
    return made_run(runs_dir, *made_pair(160, validation=60), training, name="made for tests")
