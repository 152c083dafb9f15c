"""The story of a run: which example is told, and when there is none."""

from pathlib import Path

import pytest

from finsent.errors import RunStateError
from finsent.evaluation.example import tell_story
from finsent.labels import TO_THREE
from finsent.metrics.wording import headline
from finsent.recipe import get_recipe
from finsent.runs.store import create_run
from tests.predictions import made_pair, made_predictions, made_run


def test_the_surest_error_among_those_fixed_is_told(runs_dir: Path):
    gold = ["neutral"] * 4 + ["positive"]
    baseline = made_predictions(gold, ["positive"] * 5)
    baseline["confidence"] = [0.99, 0.6, 0.9, 0.7, 0.8]
    tuned = made_predictions(gold, ["positive", "neutral", "neutral", "negative", "positive"], confidence=0.7)
    story = tell_story(made_run(runs_dir, baseline, tuned))
    example = story.example
    assert example.text == baseline["text"][2]
    assert (example.baseline, example.tuned) == ("positive", "neutral")
    assert (example.baseline_confidence, example.tuned_confidence) == (0.9, pytest.approx(0.7))
    assert (example.called_positive, example.fixed) == (4, 2)
    assert story.comparison.n == 5


def test_an_error_that_stays_is_told_when_none_is_fixed(runs_dir: Path):
    baseline = made_predictions(["neutral", "negative"], ["positive", "negative"])
    tuned = made_predictions(["neutral", "negative"], ["negative", "negative"])
    example = tell_story(made_run(runs_dir, baseline, tuned)).example
    assert (example.tuned, example.fixed) == ("negative", 0)


def test_without_such_an_error_there_is_no_example(runs_dir: Path):
    both = made_predictions(["neutral", "positive"], ["neutral", "positive"])
    assert tell_story(made_run(runs_dir, both, both)).example is None


def test_figures_and_verdict_are_those_of_the_test_rows(runs_dir: Path):
    baseline, tuned = made_pair(120, validation=40)
    story = tell_story(made_run(runs_dir, baseline, tuned))
    assert story.comparison.n == 80
    right = (tuned["predicted"].map(TO_THREE) == tuned["label"].map(TO_THREE))[40:].mean()
    assert story.comparison.tuned.accuracy == pytest.approx(right)
    assert "n = 80 test rows" in headline(story.verdict)
    assert story.verdict.overlap is None


def test_a_run_without_predictions_has_none(runs_dir: Path):
    with pytest.raises(RunStateError):
        tell_story(create_run(get_recipe("quick"), runs_dir))
