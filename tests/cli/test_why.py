"""Why, on the command line."""

import pandas as pd
import pytest

from finsent.labels import NEWS_ANSWERS


def test_explain_prints_each_words_values_and_writes_them(run_json, runs_dir, tiny_llama, tmp_path):
    file = tmp_path / "why.csv"
    (one,) = run_json("explain", "Profit rose today.", "--model", str(tiny_llama), "--csv", str(file))
    assert [word["word"] for word in one["baseline"]["words"]] == ["Profit", "rose", "today"]
    assert set(one["baseline"]["words"][0]["effects"]) == set(NEWS_ANSWERS)
    assert "baseline says" in one["baseline"]["sentence"]
    assert pd.read_csv(file)["word"].tolist() == ["Profit", "rose", "today"]
    (sampled,) = run_json("explain", "Profit rose.", "--model", str(tiny_llama), "--shapley", "2")
    assert sampled["method"] == "Shapley"
    assert all(word["errors"] for word in sampled["baseline"]["words"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explain", " "], "empty text"),
        (["explain", "x" * 10_000], "10,000 characters"),
        (["explain", "Sales rose.", "--shapley", "1"], "2 pairs"),
        (["pushes", "latest", "--min-texts", "1"], "2 or more"),
    ],
)
def test_mistakes_are_said_in_a_line_before_a_model_is_loaded(refused, judged, arguments, told):
    assert told in refused(*arguments)


def test_a_run_without_an_adapter_has_no_pushes(refused, judged):
    assert "has no adapter" in refused("pushes", "latest")
