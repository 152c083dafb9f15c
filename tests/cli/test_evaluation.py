"""What a run is worth on the command line: answers, prior, confidence, thresholds, several runs, the report."""

import json
from pathlib import Path

import pandas as pd
import pytest

from finsent.cli.main import main
from finsent.runs.corrections import corrections_file
from finsent.runs.evaluated_sets import save_judged
from finsent.runs.store import update_run
from tests.evaluation.test_groups import made_group
from tests.predictions import made_pair, made_run


def test_evaluate_says_the_verdict(judged, capsys):
    assert main(["evaluate", "latest"]) == 0
    text = capsys.readouterr().out
    assert "100 rows" in text
    lines = [line.partition(": ")[0] for line in text.splitlines()]
    assert lines[2:7] == ["Better", "Worse", "Worth", "How sure", "Rows"]
    (recall,) = [line for line in text.splitlines() if line.startswith("recall of neutral")]
    # Before and after with their intervals, the difference with its interval, and p.
    assert recall.count("% to ") == 2 and "points (" in recall
    assert "0.0000" not in text


def test_the_verdict_is_in_the_json_beside_the_figures(run_json, judged):
    figures = run_json("evaluate", "latest")
    verdict = figures["verdict"]
    assert (verdict["n"], verdict["first"], verdict["second"]) == (100, "baseline", "fine-tuned")
    assert verdict["tone"] in {"good", "mixed", "bad", "none"}
    assert verdict["test"] == figures["mcnemar"]
    assert verdict["overlap"] == figures["overlap_with_training"]
    assert verdict["accuracy"]["difference"] == figures["accuracy_difference"]


def test_answers_of_a_cell_of_the_confusion_matrix(run_json, refused, judged, tmp_path):
    file = tmp_path / "answers.csv"
    figures = run_json("evaluate", "latest")
    place = {label: number for number, label in enumerate(figures["labels"])}
    cell = figures["baseline"]["confusion"][place["neutral"]][place["positive"]]
    rows = run_json("answers", "latest", "--model", "baseline", "--gold", "neutral", "--answer", "positive")
    assert len(rows) == cell > 0
    assert {(row["gold"], row["baseline"]) for row in rows} == {("neutral", "positive")}
    every = run_json("answers", "latest", "--classes", "5", "--csv", str(file))
    assert len(every) == len(pd.read_csv(file)) == 100
    fixed = run_json("answers", "latest", "--transition", "fixed")
    assert {row["transition"] for row in fixed} == {"fixed"}
    assert "broken" in refused("answers", "latest", "--transition", "mended")
    assert "--gold" in refused("answers", "latest", "--answer", "positive")


def test_the_prior_and_the_calibration(run_json, judged):
    prior = run_json("prior", "latest")
    assert prior["validation_n"] == 60
    assert prior["baseline"]["offsets"]["neutral"] == 0
    assert prior["pieces"]["accuracy"]["total"]["n"] == 100
    sure = run_json("calibration", "latest")
    assert sure["baseline"]["brier"]["n"] == sum(part["n"] for part in sure["reliability"]["baseline"]) == 100


def test_a_threshold_is_chosen_on_validation_rows(run_json, refused, judged):
    strict, lenient = (run_json("threshold", "latest", "--at-most", share) for share in ("0.02", "0.5"))
    assert strict["threshold"] > lenient["threshold"]
    assert strict["n_validation"] == 60
    assert strict["curve"]
    assert run_json("threshold", "latest", "--model", "baseline")["model"] == "baseline"
    assert "0 to 1" in refused("threshold", "latest", "--at-most", "5")


@pytest.mark.parametrize("command", ["prior", "threshold"])
def test_nothing_is_fitted_without_validation_rows(refused, runs_dir, command):
    made_run(runs_dir, *made_pair(80))
    assert "validation rows" in refused(command, "latest")


def test_written_answers(run_json, refused, runs_dir):
    tables = made_pair(80)
    run = made_run(runs_dir, *tables, name="written")
    assert f"evaluate {run.id} --generate" in refused("written", "written")
    written = [table.assign(generated="Neutral.", generated_label="neutral") for table in tables]
    written[1].loc[:9, "generated_label"] = "invalid"
    made_run(runs_dir, *written, name="wrote")
    strict, lenient = run_json("written", "wrote"), run_json("written", "wrote", "--invalid-as-neutral")
    assert strict["tuned"]["written"]["invalid"] == 10
    assert lenient["tuned"]["written"]["invalid"] == 0
    assert strict["baseline"]["scored"]["n"] == 80
    assert strict["baseline"]["disagreements"]


def test_several_runs_are_compared(run_json, refused, judged, runs_dir):
    other = made_run(runs_dir, *made_pair(160, validation=60, gain=0.2), name="other")
    result = run_json("compare", judged.id, "other", judged.name)
    assert result["runs"] == [judged.id, other.id]
    assert len(result["models"]) == 3
    assert result["n"] == 100
    assert {"p", "p_holm", "difference"} <= set(result["pairs"][0])
    assert result["settings"] == [] and len(result["verdicts"]) == 1
    assert {"text", "gold", "right", "other"} <= set(result["changed_rows"][0])
    made_run(runs_dir, *made_pair(50, seed=7), name="elsewhere")
    assert "same rows" in refused("compare", judged.id, "elsewhere")


def test_rows_judged_since_are_found_by_title_or_key(run_json, refused, judged):
    baseline, tuned = made_pair(30, seed=3)
    key = save_judged(judged, "my file.csv", "ab" * 20, baseline, tuned)
    for name in ("my file.csv", key):
        assert len(run_json("answers", "latest", "--on", name)) == 30
    assert "my file.csv" in refused("answers", "latest", "--on", "yours.csv")


def test_the_report_and_its_figures(run_json, judged, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run_json("report", "latest", "--figures", "figures.json")
    html = Path(made["file"]).read_text()
    assert Path(made["file"]).name == f"finsent-comparison-{judged.id}.html"
    assert html.startswith("<!doctype html>") or html.startswith("<!DOCTYPE html>")
    assert json.loads(Path(made["figures"]).read_text())["n"] == 100


def test_a_group_of_seeds_is_evaluated_and_compared(run_json, refused, runs_dir, capsys):
    group, _ = made_group(runs_dir, (1.2, 0.9))
    found = run_json("evaluate", "luck")
    assert (found["group"], found["seeds"], found["verdict"]["runs"]) == (group.id, [42, 43], 2)
    assert main(["evaluate", group.id]) == 0
    assert "The seed alone moves accuracy from" in capsys.readouterr().out
    assert len(run_json("compare", "luck")["runs"]) == 2
    assert "take one run" in refused("evaluate", "luck", "--generate")
    assert "no finished adapter" in refused("average", "luck")


def test_flagged_test_rows_are_told_by_evaluate_and_report(judged, runs_dir, tmp_path, capsys):
    update_run(judged.folder, source_hash="ab" * 32)
    report = tmp_path / "report.html"

    def told():
        assert main(["evaluate", judged.id]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Flagged")]
        assert main(["report", judged.id, "--out", str(report)]) == 0
        return lines

    assert told() == []
    assert "flagged" not in report.read_text(encoding="utf-8")
    file = corrections_file(runs_dir, "ab" * 32)
    file.parent.mkdir(parents=True)
    # The first is a validation row, which judges nothing.
    lines = [f"r{row},flag,neutral,,,2026-01-31T12:00:00+00:00,{'ab' * 8}" for row in (3, 70, 71)]
    file.write_text("\n".join(["row_id,decision,old_label,new_label,reason,time,data", *lines]))
    (line,) = told()
    assert line.startswith("Flagged: 2 of 100 test rows have a label flagged as doubtful. With them: ")
    assert line.endswith("n = 98.")
    assert "2 of 100 test rows have a label flagged as doubtful." in report.read_text(encoding="utf-8")
