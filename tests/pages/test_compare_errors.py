"""The parts of Compare about errors: what they share, and when each validation row was learnt and forgotten."""

import json
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from finsent.evaluation import slices
from finsent.evaluation.slices import run_slices, slice_sentence, unconfirmed
from finsent.evaluation.stories import FORGOTTEN, run_stories
from finsent.inference.predictions import keep_step
from finsent.runs.evaluated_sets import save_judged
from pages.shared import places
from tests.evaluation.test_slices import table
from tests.evaluation.test_stories import tables
from tests.hostile import EVIL, READ
from tests.pages.test_shown import shown
from tests.predictions import made_pair, made_predictions, made_run, twelve

APP = Path(__file__).parents[2] / "pages" / "app.py"
SHARE, STORY = "What the errors share", "Each row's story"


def opened(part, run, **address):
    """The page with a tab open, as its address says."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    app.query_params["part"], app.query_params["run"] = part, run.id
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(places.COMPARE).run()
    assert not app.exception
    return app


def words(app):
    parts = [*app.markdown, *app.caption, *app.info]
    return "\n".join(element.value for element in parts).replace("\\", "").replace("\u2060", "")


@pytest.fixture
def planted(runs_dir):
    """A run whose fine-tuned model calls most neutral texts with zeta positive; its baseline is wrong by luck alone."""
    return made_run(runs_dir, table(planted=False), table(planted=True), name="planted")


@pytest.fixture
def judged(runs_dir):
    """A run with five validation rows of which each has another story, and three evaluations."""
    baseline, *evaluations = tables()
    test = made_predictions(["neutral"] * 6, ["positive"] * 6).assign(row_id=[f"t{place}" for place in range(6)])
    before, after = (joined(one, test) for one in (baseline, evaluations[-1]))
    run = made_run(runs_dir, before, after, name="stories")
    for place, evaluation in enumerate(evaluations, start=1):
        keep_step(evaluation, 10 * place, run.predictions_file("validation"))
    return run


def joined(validation, test):
    return pd.concat([validation, test], ignore_index=True)


def test_a_group_that_holds_is_shown_with_its_shares_and_opens_its_rows(planted):
    app = opened(SHARE, planted)
    found = run_slices(planted)
    first = found.confirmed[0]
    text = words(app)
    assert f"**{first.kind.capitalize()}: {' and '.join(first.words)}**" in text
    assert f"{slice_sentence(first)}." in text
    assert "n = 120 validation and 120 test rows" in text
    (kinds,) = [element.value for element in app.dataframe if "group" in element.value]
    assert kinds["error"].tolist() == list(found.kinds)
    assert kinds.iloc[0]["test, inside"].endswith(f"{first.test.inside_errors} of {first.test.inside})")
    assert kinds.iloc[0]["validation, outside"].endswith(f"of {first.validation.outside})")
    app.session_state[f"open-{planted.id}-tuned-3-{first.kind}"] = True
    app.run()
    assert not app.exception
    rows = [element.value["row_id"].tolist() for element in app.dataframe if "row_id" in element.value]
    assert sorted(first.row_ids) in [sorted(one) for one in rows]


def test_nothing_splits_luck_and_the_baseline_has_a_look_of_its_own(planted):
    app = opened(SHARE, planted, **{"errors-of": "baseline"})
    assert app.radio(key="errors-of").value == "baseline"
    found = run_slices(planted, "baseline")
    assert not found.confirmed
    assert f"{unconfirmed(found)}; {len(found.kinds)} kind" in words(app)


def test_what_takes_long_waits_for_a_button_that_says_how_long(runs_dir, monkeypatch):
    training = pd.DataFrame({"text": ["profit rose", "sales fell"], "label": ["positive", "negative"]})
    run = made_run(runs_dir, table(planted=False), table(planted=True), training)
    monkeypatch.setattr(slices, "_SECONDS_A_PAIR", 0.25)
    app = opened(SHARE, run)
    assert "For 240 texts the most similar of 2 training rows are looked for: about 2 min" in words(app)
    assert "have a group that holds" not in words(app)
    app.button(key="slices-look").click().run()
    assert not app.exception
    assert "have a group that holds" in words(app)
    assert "have a group that holds" in words(app.run())


def test_too_few_rows_for_groups_are_told_in_one_sentence(runs_dir):
    run = made_run(runs_dir, *twelve())
    assert "There are 0 validation and 12 test rows; groups need 20 of each." in words(opened(SHARE, run))


def test_groups_are_of_the_runs_own_rows_whatever_rows_are_looked_at(planted):
    key = save_judged(planted, "other.csv", "ab" * 32, *twelve())
    app = opened(SHARE, planted, on=key)
    assert "n = 120 validation and 120 test rows" in words(app)


def test_each_row_has_its_strip_and_the_counts_stand_on_top(judged):
    app = opened(STORY, judged)
    text = words(app)
    assert "Of n = 5 validation rows, at the baseline and 3 evaluations: **1** forgotten, **1** never learnt" in text
    strips = next(element for element in app.dataframe if "strip" in element.value)
    assert (
        strips.value.set_index("row_id")["strip"].to_dict()
        == run_stories(judged).rows.set_index("row_id")["strip"].to_dict()
    )
    assert list(strips.value)[:3] == ["strip", "story", "text"]
    assert json.loads(strips.proto.columns)["shares"]["type_config"]["type"] == "bar_chart"
    app.pills(key="story").set_value([FORGOTTEN]).run()
    assert not app.exception
    strips = next(element.value for element in app.dataframe if "strip" in element.value)
    assert strips["row_id"].tolist() == ["r2"]


def test_a_link_shows_the_rows_of_one_story(judged):
    app = opened(STORY, judged, story=FORGOTTEN)
    strips = next(element.value for element in app.dataframe if "strip" in element.value)
    assert strips["row_id"].tolist() == ["r2"]


@pytest.mark.parametrize("part", [SHARE, STORY])
def test_a_run_that_was_judged_on_other_rows_alone_has_nothing_to_show_here(runs_dir, part):
    run = made_run(runs_dir, *made_pair(60, validation=20), name="elsewhere")
    key = save_judged(run, "other.csv", "ab" * 32, *twelve())
    run.predictions_file("tuned").unlink()
    app = opened(part, run, on=key)
    assert "its own rows were not judged by both models" in words(app)


def test_a_row_that_is_chosen_opens_with_its_answer_at_each_evaluation(judged):
    app = opened(STORY, judged)
    rows = next(element.value["row_id"].tolist() for element in app.dataframe if "strip" in element.value)
    place = rows.index("r2")
    app.session_state[f"stories-{hash(tuple(rows))}"] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert "Made text 2 about a neutral event" in [element.value for element in app.text]
    story = next(element.value for element in app.dataframe if "step" in element.value)
    assert story["step"].tolist() == [0, 10, 20, 30]
    assert story["answer"].tolist() == ["positive", "neutral", "neutral", "positive"]
    assert story["probability of its label"].tolist() == pytest.approx([0.1, 0.8, 0.8, 0.1])


def test_words_of_the_data_are_shown_letter_by_letter(runs_dir):
    before, after = table(planted=True), table(planted=True)
    for one in (before, after):
        one["topic"] = one["text"].str.contains("zeta").map({True: EVIL, False: ""})
        one["text"] = [f"{EVIL} {place}" for place in range(len(one))]
    run = made_run(runs_dir, before, after)
    assert run_slices(run).confirmed[0].words == (f"topic {EVIL}",)
    app = opened(SHARE, run)
    assert f"topic {EVIL}" in words(app)
    texts = list(shown(app.main))
    assert not [(text, mark) for text in texts for mark in READ if mark in text.replace("\\<", "")]


@pytest.mark.parametrize(("evaluations", "said"), [(0, "kept no answers from its evaluations"), (1, "this run has 1")])
def test_a_run_without_two_evaluations_has_no_story_and_says_so(runs_dir, evaluations, said):
    run = made_run(runs_dir, *made_pair(60, validation=20))
    if evaluations:
        keep_step(made_pair(60, validation=20)[1].head(20), 10, run.predictions_file("validation"))
    app = opened(STORY, run)
    assert said in words(app)
    assert not [element for element in app.dataframe if "strip" in element.value]


def test_answers_about_other_rows_are_a_sentence_and_no_traceback(runs_dir):
    run = made_run(runs_dir, *made_pair(60, validation=20))
    keep_step(made_pair(60)[1].head(7), 10, run.predictions_file("validation"))
    app = opened(STORY, run)
    assert "is not about the validation rows" in app.error[0].value
