"""The command line: JSON as the last line, and exit code 2 with one sentence for each kind of mistake."""

import json

import pytest

from finsent import cli


def run_json(capsys, *arguments):
    code = cli.main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_data(capsys):
    code, facts = run_json(capsys, "data")
    assert code == 0
    assert facts["rows"] == sum(facts["labels"].values()) == sum(facts["splits"].values()) == 1319
    assert set(facts["splits"]) == {"train", "validation", "test"}


def test_summary_of_the_tutorials_model(capsys):
    code, summary = run_json(capsys, "summary", "--model", "qwen3-0.6b")
    assert code == 0
    figures = [summary[when][what] for when in ("before", "after") for what in ("total", "trainable", "non_trainable")]
    assert figures == [531_431_424, 311_230_464, 220_200_960, 532_578_304, 1_146_880, 531_431_424]
    assert summary["memory"]["total"] == sum(piece["bytes"] for piece in summary["memory"]["pieces"])


def test_train_evaluate_classify_runs(capsys, runs_dir, tiny_recipe, real_worker):
    settings = [f"--set={key}={getattr(tiny_recipe, key)}" for key in ("rows", "learning_rate", "logging_steps")]
    code, run = run_json(
        capsys, "train", "--source", tiny_recipe.source, "--model", tiny_recipe.model, *settings, "--name", "tiny"
    )
    assert code == 0
    assert (run["state"], run["steps"]) == ("done", 6)
    assert run["seconds"] > 0

    code, figures = run_json(capsys, "evaluate", run["run"])
    assert code == 0
    assert figures["labels"] == ["negative", "neutral", "positive"]
    for which in ("baseline", "tuned"):
        assert {"accuracy", "macro_f1", "weighted_f1", "neutral_as_positive", "invalid", "confusion"} <= set(
            figures[which]
        )
        assert sum(map(sum, figures[which]["confusion"])) == figures["n"]
        assert len(figures[which]["accuracy_ci"]) == 2
    assert set(figures["mcnemar"]) == {"b", "c", "p"}
    assert {"value", "ci"} <= set(figures["accuracy_difference"]) & set(figures["neutral_as_positive_difference"])
    assert set(figures["reference"]) == {"majority", "tfidf_logreg"}
    assert figures["overlap_with_training"]["of"] == figures["n"]
    code, elsewhere = run_json(capsys, "evaluate", run["run"], "--data", tiny_recipe.source)
    assert elsewhere["n"] == 120
    # The file is the run's own source: all of its training rows are found in it.
    assert elsewhere["overlap_with_training"]["n"] >= 48

    code, written = run_json(capsys, "evaluate", run["run"], "--generate")
    assert code == 0
    assert written["scored"]["tuned"] == figures["tuned"]
    answered = sum(map(sum, written["baseline"]["confusion"]))
    assert answered + written["baseline"]["invalid"] == written["n"] == figures["n"]

    code, answers = run_json(capsys, "classify", "Profit rose.", "--run", run["run"])
    assert code == 0
    assert answers[0]["text"] == "Profit rose."
    for which in ("baseline", "tuned"):
        assert sum(answers[0][which]["probabilities"].values()) == pytest.approx(1)
        assert answers[0][which]["label"] in {"positive", "neutral", "negative"}

    code, runs = run_json(capsys, "runs")
    assert [one["run"] for one in runs] == [run["run"]]
    assert cli.main(["delete", run["run"]]) == 0
    assert run_json(capsys, "runs") == (0, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "--source", "no/such/file.csv"], "no data at"),
        (["data", "--source", "hub"], "does not answer"),
        (["train", "--recipe", "best-ever"], "no recipe"),
        (["train", "--set", "learning_rat=1"], "no setting"),
        (["train", "--set", "learning_rate=7"], "learning_rate"),
        (["train", "--set", "epochs"], "KEY=VALUE"),
        (["train", "--rows", "3"], "rows"),
        (["train", "--model", "no/such/model"], "no model"),
        (["train", "--source", "hub"], "does not answer"),
        (["train", "--recipe", "tutorial"], "does not answer"),
        (["evaluate", "20260101-000000-abcdef"], "no run"),
        (["evaluate", "../../etc"], "no run"),
        (["stop", "20260101-000000-abcdef"], "no run"),
        (["delete", "20260101-000000-abcdef"], "no run"),
        (["classify"], "empty text"),
        (["classify", "x" * 3000], "limit"),
        (["classify", "--file", "no/such.csv"], "no file"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(capsys, runs_dir, arguments, words):
    assert cli.main(arguments) == 2
    streams = capsys.readouterr()
    assert words in streams.err
    assert len(streams.err.strip().splitlines()) == 1
    assert streams.out == ""
    assert not [path for path in runs_dir.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"headline,label\nProfit rose,positive\n", "no column"),
        (b"text,label\nProfit rose,great\n", "great"),
        (b"", "empty"),
        (b"text,label\n", "no rows"),
        (b"text,label\nProfit \xff\xfe rose,positive\n", "UTF-8"),
        (b"text,label\nProfit rose,positive\n", "a split needs"),
    ],
)
@pytest.mark.parametrize("command", ["data", "train"])
def test_bad_files(capsys, runs_dir, tmp_path, command, content, words):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    assert cli.main([command, "--source", str(path)]) == 2
    message = capsys.readouterr().err.strip()
    assert words in message
    assert len(message.splitlines()) == 1
    assert not [entry for entry in runs_dir.iterdir() if not entry.name.startswith(".")]


def test_headlines_with_commas_but_no_quotes_are_refused_instead_of_cut(capsys, runs_dir, tmp_path):
    path = tmp_path / "headlines.csv"
    path.write_text("text\nSales rose, but profit fell\nOrders were flat, too\n")
    assert cli.main(["classify", "--file", str(path)]) == 2
    assert "quotes around it" in capsys.readouterr().err


def test_a_second_run_is_refused_while_one_is_active(capsys, runs_dir, tiny_recipe):
    import os

    import psutil

    from finsent.runs import create_run, update_run

    busy = create_run(tiny_recipe, runs_dir)
    update_run(busy.folder, state="training", pid=os.getpid(), pid_created=psutil.Process().create_time())
    arguments = ["train", "--source", tiny_recipe.source, "--model", tiny_recipe.model]
    assert cli.main(arguments) == 2
    assert busy.id in capsys.readouterr().err
    assert [entry.name for entry in runs_dir.iterdir() if not entry.name.startswith(".")] == [busy.id]
