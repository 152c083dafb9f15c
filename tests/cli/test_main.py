"""The command line: JSON as the last line, and exit code 2 with one sentence for each kind of mistake."""

import json

import pandas as pd
import pytest

from finsent.cli import main as cli
from finsent.evaluation.classifier import Answer, Classified, Classifier
from finsent.runs.store import create_run
from tests.test_files import bad_paths


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


def test_the_end_of_a_run_that_learned_nothing_says_so(capsys, runs_dir, tiny_recipe, real_worker):
    arguments = ["train", "--source", tiny_recipe.source, "--model", tiny_recipe.model, "--rows", "16"]
    assert cli.main([*arguments, "--set", "learning_rate=1e-300"]) == 0
    streams = capsys.readouterr()
    assert "\nThis run learned nothing" in streams.out
    assert "\nBefore you launch: Only 16 training rows." in streams.err


def test_train_evaluate_classify_runs(capsys, runs_dir, tiny_recipe, real_worker):
    settings = [f"--set={key}={getattr(tiny_recipe, key)}" for key in ("rows", "learning_rate", "logging_steps")]
    code, run = run_json(
        capsys, "train", "--source", tiny_recipe.source, "--model", tiny_recipe.model, *settings, "--name", "tiny"
    )
    assert code == 0
    assert (run["state"], run["steps"]) == ("done", 6)
    assert run["seconds"] > 0
    assert run["verdict"]["n"] == 12

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


@pytest.mark.parametrize("kind", ["home", "long", "through a file", "not text", "blank"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "--source"],
        ["summary", "--model"],
        ["train", "--source"],
        ["train", "--model"],
        ["evaluate", "RUN", "--data"],
        ["classify", "--file"],
        ["bench", "--source"],
        ["bench", "--model"],
        ["runs", "--runs-dir"],
        ["train", "--runs-dir"],
        ["classify", "Profit rose.", "--runs-dir"],
        ["delete", "20260101-000000-abcdef", "--runs-dir"],
    ],
    ids=" ".join,
)
def test_what_can_be_no_path_is_one_sentence_in_every_command(
    capsys, runs_dir, tiny_recipe, tmp_path, monkeypatch, arguments, kind
):
    monkeypatch.setattr(Classifier, "of_run", classmethod(lambda cls, run: None))
    monkeypatch.chdir(tmp_path)
    path, _ = bad_paths(tmp_path)[kind]
    if "RUN" in arguments:
        run = create_run(tiny_recipe, runs_dir)
        run.adapter_dir.mkdir()
        (run.adapter_dir / "adapter_model.safetensors").touch()
        arguments = [run.id if one == "RUN" else one for one in arguments]
    before = sorted(entry for entry in tmp_path.rglob("*"))
    assert cli.main([*arguments, path]) == 2
    streams = capsys.readouterr()
    assert len(streams.err.strip().splitlines()) == 1
    assert streams.out == ""
    assert sorted(entry for entry in tmp_path.rglob("*")) == before


def test_a_folder_of_runs_that_can_be_no_path_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setenv("FINSENT_RUNS", "x" * 300)
    assert cli.main(["runs"]) == 2
    assert "no folder of runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"heading,label\nProfit rose,positive\n", "no column"),
        (b"text,label\nProfit rose,great\n", "great"),
        (b"", "empty"),
        (b"text,label\n", "no rows"),
        (b"text,label\nProfit \xff\xfe rose,positive\n", "a split needs"),
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


@pytest.fixture
def says_neutral(monkeypatch):
    """A classifier without a model: it remembers what it is asked about and calls it all neutral."""
    asked = []

    def classify(self, texts, answers):
        asked.extend(texts)
        return [Classified(text, Answer("neutral", {"neutral": 1.0}), None) for text in texts]

    monkeypatch.setattr(Classifier, "__init__", lambda self, *_, **__: None)
    monkeypatch.setattr(Classifier, "classify", classify)
    return asked


@pytest.mark.parametrize(
    ("header", "more", "said"),
    [
        ("Date,Headline", [], "“Headline”"),
        ("Date, TEXT ", [], "“ TEXT ”"),
        ("title,Subject", ["--text-column", "Subject"], "“Subject”, not from “title”"),
        ("Date,text", [], ""),
    ],
)
def test_headlines_in_a_column_of_another_name_are_taken_and_said(
    capsys, runs_dir, tmp_path, says_neutral, header, more, said
):
    path = tmp_path / "headlines.csv"
    path.write_text(f"{header}\n2024,Sales rose\n2025,Sales fell\n")
    assert cli.main(["classify", "--file", str(path), *more]) == 0
    assert says_neutral == ["Sales rose", "Sales fell"]
    err = capsys.readouterr().err
    assert said in err
    assert bool(err) == bool(said)


def test_a_files_other_columns_stay_beside_its_answers(capsys, runs_dir, tmp_path, says_neutral):
    path, answers = tmp_path / "headlines.csv", tmp_path / "answers.csv"
    path.write_text("id,headline,baseline\n7,Sales rose,mine\n8,Sales fell,too\n")
    assert cli.main(["classify", "--file", str(path), "--csv", str(answers)]) == 0
    table = pd.read_csv(answers)
    assert table[["text", "id", "baseline (file)"]].to_numpy().tolist() == [
        ["Sales rose", 7, "mine"],
        ["Sales fell", 8, "too"],
    ]


def test_a_files_other_columns_of_any_kind_and_name_are_written(capsys, runs_dir, tmp_path, says_neutral):
    path, answers = tmp_path / "headlines.json", tmp_path / "answers.parquet"
    rows = [{"headline": "Sales rose", "id": 1, "baseline": ["x"], "baseline (file)": 2}]
    rows += [{"headline": "Sales fell", "id": "two", "baseline": None, "baseline (file)": 3}]
    path.write_text(json.dumps(rows))
    assert cli.main(["classify", "--file", str(path), "--parquet", str(answers)]) == 0
    table = pd.read_parquet(answers)
    assert table["id"].tolist() == ["1", "two"]
    assert table["baseline (file)"].fillna("").tolist() == ["['x']", ""]
    assert table["baseline (file) (file)"].tolist() == [2, 3]
    capsys.readouterr()
    assert cli.main(["classify", "Orders fell", "--file", str(path), "--parquet", str(answers)]) == 0
    assert "other columns are left out" in capsys.readouterr().err
    assert pd.read_parquet(answers)["text"].tolist() == ["Orders fell", "Sales rose", "Sales fell"]


@pytest.mark.parametrize("header", ["Date,Subject", "Title,Body"])
def test_headlines_without_a_clear_column_are_asked_for(capsys, runs_dir, tmp_path, says_neutral, header):
    path = tmp_path / "headlines.csv"
    path.write_text(f"{header}\n2024,Sales rose\n")
    assert cli.main(["classify", "--file", str(path)]) == 2
    err = capsys.readouterr().err
    assert f"it has: {header.replace(',', ', ')}. Name the column with the texts: --text-column NAME." in err
    assert says_neutral == []


def test_headlines_with_commas_but_no_quotes_are_refused_instead_of_cut(capsys, runs_dir, tmp_path):
    path = tmp_path / "headlines.csv"
    path.write_text("text\nSales rose, but profit fell\nOrders were flat, too\n")
    assert cli.main(["classify", "--file", str(path)]) == 2
    assert "quotes around it" in capsys.readouterr().err


def test_a_second_run_is_refused_while_one_is_active(capsys, runs_dir, tiny_recipe):
    import os

    import psutil

    from finsent.runs.store import create_run, update_run

    busy = create_run(tiny_recipe, runs_dir)
    update_run(busy.folder, state="training", pid=os.getpid(), pid_created=psutil.Process().create_time())
    arguments = ["train", "--source", tiny_recipe.source, "--model", tiny_recipe.model]
    assert cli.main(arguments) == 2
    assert busy.id in capsys.readouterr().err
    assert [entry.name for entry in runs_dir.iterdir() if not entry.name.startswith(".")] == [busy.id]
