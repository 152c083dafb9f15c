"""Neutral texts on the command line: filters, one opened, groups, words, tags and notes, the repair set."""

import pandas as pd

from finsent.cli.main import main
from finsent.data.dataset import load_data


def test_the_wrong_texts_are_listed_filtered_and_written(run_json, refused, judged, tmp_path):
    file = tmp_path / "wrong.csv"
    every = run_json("neutral", "latest")
    assert every["summary"]["n"] >= every["errors"] == len(every["items"]) > 0
    chosen = run_json("neutral", "latest", "--called", "positive", "--from", "made_news", "--csv", str(file))
    assert 0 < len(chosen["items"]) < len(every["items"])
    assert all("positive" in (item["baseline"], item["tuned"]) for item in chosen["items"])
    assert {item["source"] for item in chosen["items"]} == {"made_news"}
    assert len(pd.read_csv(file)) == len(chosen["items"])
    sure = run_json("neutral", "latest", "--sure", "0.9", "1")
    assert len(sure["items"]) < len(every["items"])
    outcome = every["items"][0]["outcome"]
    assert {item["outcome"] for item in run_json("neutral", "latest", "--outcome", outcome)["items"]} == {outcome}
    assert run_json("neutral", "latest", "--split", "validation")["summary"]["n"] > 0
    assert outcome in refused("neutral", "latest", "--outcome", "nonsense")
    assert "0 to 1" in refused("neutral", "latest", "--sure", "0.9", "0.1")


def test_a_text_is_opened(run_json, refused, judged):
    row = run_json("neutral", "latest")["items"][0]["row_id"]
    item = run_json("neutral", "latest", "--item", row)
    assert sum(item["probabilities"]["baseline"].values()) > 0.99
    assert item["similar_training_texts"][0]["row_id"].startswith("t")
    assert "no neutral text" in refused("neutral", "latest", "--item", "nobody")


def test_groups_and_words(run_json, judged):
    groups = run_json("neutral", "latest", "--by", "source")
    assert {group["source"] for group in groups} == {"made_news", "made_posts"}
    assert all(group["baseline low"] <= group["baseline share"] <= group["baseline high"] for group in groups)
    words = run_json("words", "latest", "--model", "baseline")
    assert words["n"] == run_json("neutral", "latest")["summary"]["n"]
    assert {"word", "low", "high"} <= set(words["push"][0])


def test_tags_and_notes(run_json, refused, judged):
    row = run_json("neutral", "latest")["items"][0]["row_id"]
    run_json("annotate", "latest", row, "--tag", "needs context", "--tag", "mine", "--note", "which quarter?")
    assert [(one["row"], one["tags"], one["note"]) for one in run_json("annotations", "latest")] == [
        (row, ["needs context", "mine"], "which quarter?")
    ]
    tagged = run_json("neutral", "latest", "--tag", "mine")["items"]
    assert [(item["row_id"], item["tags"]) for item in tagged] == [(row, "needs context; mine")]
    assert "no tag" in refused("neutral", "latest", "--tag", "yours")
    assert "no neutral text" in refused("annotate", "latest", "nobody", "--note", "x")
    assert "--remove" in refused("annotate", "latest", row)
    assert "characters" in refused("annotate", "latest", row, "--tag", "x" * 41)
    run_json("annotate", "latest", row, "--remove")
    assert run_json("annotations", "latest") == []


def test_a_repair_set_of_one_class_is_warned_of(capsys, judged):
    assert main(["repair", "latest"]) == 0
    assert "Before you train on it: Every training row is neutral." in capsys.readouterr().err
    assert main(["repair", "latest", "--other-labels", "--per-error", "3"]) == 0
    assert "Before you train" not in capsys.readouterr().err


def test_a_repair_set_can_be_trained_on(run_json, refused, judged, tmp_path):
    file = tmp_path / "repair.csv"
    few = run_json("repair", "latest", "--per-error", "1", "--csv", str(file))
    assert {row["label"] for row in few} == {"neutral"}
    assert {row["split"] for row in few} == {"train"}
    assert len(load_data(str(file)).rows) == len(few)
    more = run_json("repair", "latest", "--per-error", "3", "--other-labels", "--validation")
    assert len(more) > len(few)
    assert "validation" in {row["split"] for row in more}
    assert "1 or more" in refused("repair", "latest", "--per-error", "0")
