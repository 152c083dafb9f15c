"""Data and models on the command line: rows searched and opened, the card, the memory of a step."""

import pandas as pd
import pytest


def test_rows_are_searched_filtered_and_written(run_json, refused, tmp_path):
    file = tmp_path / "rows.csv"
    rows = run_json("rows", "--search", "PROFIT", "--label", "neutral", "--label", "positive", "--csv", str(file))
    assert rows
    assert all("profit" in row["text"].lower() and row["label"] in {"neutral", "positive"} for row in rows)
    assert len(pd.read_csv(file)) == len(rows)
    assert {row["split"] for row in run_json("rows", "--split", "test", "--from", "lab_posts")} == {"test"}
    assert "lab_news" in refused("rows", "--from", "nowhere")
    assert "label" in refused("rows", "--label", "great")


def test_a_row_is_opened(run_json, refused):
    first = run_json("rows", "--split", "test")[0]
    row = run_json("rows", "--row", first["row_id"])
    assert first["text"] in row["prompt"]
    assert row["completion"] == f" {first['label']}"
    assert sum(token["answer_loss"] for token in row["tokens"]) < sum(token["sequence_loss"] for token in row["tokens"])
    assert "no row" in refused("rows", "--row", "nobody")


def test_the_rows_of_a_finding(run_json, refused):
    finding = run_json("data")["findings"][0]
    rows = {row["row_id"] for row in run_json("rows", "--finding", "1")}
    assert set(finding["row_ids"]) <= rows
    assert "no finding 99" in refused("rows", "--finding", "99")


def test_the_data_card(run_json, small_csv):
    assert "CC0" in run_json("data", "--card")["card"]
    assert "your own data" in run_json("data", "--card", "--source", str(small_csv))["card"]


def test_the_memory_of_a_step(run_json, refused, tiny_llama):
    small, large = (run_json("memory", "--model", str(tiny_llama), "--set", f"batch_size={n}") for n in (8, 32))
    assert large["predicted"]["total"] > small["predicted"]["total"]
    assert {method["method"] for method in small["methods"]} == {"Full fine-tuning", "LoRA", "QLoRA"}
    longer = run_json("memory", "--model", str(tiny_llama), "--tokens", "500")
    assert longer["predicted"]["total"] > small["predicted"]["total"]
    assert "--tokens" in refused("memory", "--tokens", "0")


def test_the_summary_takes_the_matrices(run_json, refused, tiny_llama):
    few, all_seven = (
        run_json("summary", "--model", str(tiny_llama), "--targets", targets)
        for targets in ("q_proj", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj")
    )
    assert all_seven["after"]["trainable"] > few["after"]["trainable"]
    for wrong in (["--targets", "z_proj"], ["--rank", "0"], ["--targets", ""]):
        assert "Setting" in refused("summary", *wrong)


@pytest.mark.model
def test_one_real_step_is_measured(run_json, runs_dir, tiny_recipe):
    given = ["--model", tiny_recipe.model, "--source", tiny_recipe.source]
    measured = run_json("memory", *given, "--measure")["measured"]
    assert measured["peak_bytes"] > 0
    assert measured["predicted"]["total"] > 0


def test_what_was_decided_while_data_were_read_is_said(run_json, tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("Headline,label\n" + "".join(f"Sales were {n} million,neutral\n" for n in range(20)))
    assert run_json("data", "--source", str(file))["notes"] == ["Texts are taken from the column “Headline”."]
    assert run_json("data")["notes"] == []


def test_words_and_lengths(run_json, tiny_llama):
    facts = run_json("data", "--words", "--lengths", str(tiny_llama))
    assert {one["label"] for one in facts["words"]} == {"negative", "neutral", "positive", "bearish", "bullish"}
    assert all(one["low"] > 0 for one in facts["words"])
    assert facts["lengths"]["n"] == facts["rows"] == 1_319
    shares = [one["share"] for one in facts["lengths"]["limits"]]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.9


def test_rows_are_put_in_order(run_json, refused):
    rows = run_json("rows", "--order", "longest first", "--shortest", "30", "--longest", "60")
    lengths = [len(row["text"]) for row in rows]
    assert lengths == sorted(lengths, reverse=True) and lengths[-1] >= 30 and lengths[0] <= 60
    assert "order" in refused("rows", "--order", "sideways")
