"""Headlines on the command line: a base model alone, and both models' answers as a file."""

import pandas as pd


def test_a_base_model_alone_answers_and_is_written(run_json, refused, runs_dir, tiny_llama, tmp_path):
    file = tmp_path / "answers.csv"
    texts = ["Profit rose.", "Sales fell."]
    answers = run_json("classify", *texts, "--model", str(tiny_llama), "--csv", str(file))
    assert [one["text"] for one in answers] == texts == pd.read_csv(file)["text"].tolist()
    assert all(one["tuned"] is None for one in answers)
    assert "not allowed with" in refused("classify", "x", "--model", str(tiny_llama), "--run", "latest")
