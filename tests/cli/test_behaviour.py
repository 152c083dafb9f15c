"""Edits and behavioural tests on the command line."""

import pandas as pd
import pytest

from finsent.evaluation import behaviour
from finsent.evaluation.edits import RULES


def test_edits_are_answered_and_written(run_json, runs_dir, tiny_llama, tmp_path):
    file = tmp_path / "edits.csv"
    said = run_json("edits", "Profit rose.", "--to", "Profit fell.", "--model", str(tiny_llama), "--csv", str(file))
    assert said["original"]["text"] == "Profit rose."
    assert [one["rule"] for one in said["edits"]] == ["your own", "capitals", "full stop", "rose or fell", "negation"]
    assert pd.read_csv(file)["edit"][0] == "Profit fell."


@pytest.fixture
def outcomes(monkeypatch):
    table = pd.DataFrame(
        {
            "row_id": [f"r{number}" for number in range(40)],
            "rule": "capitals",
            "expects": "keep",
            "gold": "neutral",
            "text": "Sales rose.",
            "edited": "SALES ROSE.",
            "baseline": "neutral",
            "baseline edited": ["positive"] * 30 + ["neutral"] * 10,
            "baseline failed": [True] * 30 + [False] * 10,
            "tuned": "neutral",
            "tuned edited": "neutral",
            "tuned failed": False,
        }
    )
    monkeypatch.setattr(behaviour, "run_behaviour", lambda run, split, report: table)


def test_behave_gives_each_rules_figures_and_its_failures(run_json, judged, outcomes, tmp_path):
    file = tmp_path / "all.csv"
    said = run_json("behave", "latest", "--rule", "capitals", "--csv", str(file))
    (rule,) = said["rules"]
    assert (rule["n"], rule["baseline"]["failures"], rule["tuned"]["failures"]) == (40, 30, 0)
    assert rule["difference"]["value"] == -0.75
    assert rule["p_holm"] == rule["test"]["p"] < 0.001
    assert len(said["failures"]) == 30
    assert len(pd.read_csv(file)) == 40


def test_mistakes_are_said_in_a_line(refused, judged):
    told = refused("behave", "latest", "--rule", "no such rule")
    assert all(rule.name in told for rule in RULES)
    assert "missing" in refused("behave", "latest")
    assert "empty text" in refused("edits", "Profit rose.", "--to", " ")
