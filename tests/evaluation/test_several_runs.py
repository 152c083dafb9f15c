"""Several runs: where their settings differ, which is better, and the rows that they do not call alike."""

from dataclasses import replace

import pytest

from finsent.evaluation.disagreement import runs_disagree
from finsent.evaluation.several_runs import changed_rows, compare_runs, differing_settings, pair_verdict, run_titles
from finsent.recipe import change_recipe
from finsent.runs.origin import Origin, UsedRepair
from finsent.runs.store import update_run
from tests.predictions import TWELVE, made_predictions, made_run

GOLD, BEFORE, AFTER = (list(column) for column in zip(*TWELVE, strict=True))


def pair_of_runs(runs_dir, other):
    """Two runs on the twelve rows, whose models answer as the twelve say and as ``other`` says."""
    before = made_predictions(GOLD, BEFORE)
    first = made_run(runs_dir, before, made_predictions(GOLD, AFTER), name="first")
    second = made_run(runs_dir, before, made_predictions(GOLD, other), name="second")
    return first, update_run(second.folder, recipe=change_recipe(second.recipe, {"seed": 7, "rows": 300}))


def test_settings_that_differ_stand_side_by_side(runs_dir):
    table = differing_settings(pair_of_runs(runs_dir, AFTER))
    assert table.to_dict("records") == [
        {"setting": "rows", "first": "all", "second": "300"},
        {"setting": "seed", "first": "42", "second": "7"},
    ]


def test_what_a_run_began_with_is_among_what_differs(runs_dir):
    before = made_predictions(GOLD, BEFORE)
    first, second = (made_run(runs_dir, before, made_predictions(GOLD, AFTER), name=name) for name in ("a", "b"))
    assert differing_settings([first, second]).empty
    repair = UsedRepair(rows=4, synthetic=1, replayed=12, sha256="0" * 64)
    second = update_run(second.folder, origin=Origin(parent=first.id, repair=repair))
    assert differing_settings([first, second]).to_dict("records") == [
        {"setting": "continues", "a": "–", "b": "a"},
        {"setting": "repair set", "a": "–", "b": "4 rows, 1 of them synthetic, and 12 ordinary ones replayed"},
    ]


def test_an_average_is_told_from_the_runs_that_it_is_of(runs_dir):
    before = made_predictions(GOLD, BEFORE)
    runs = [made_run(runs_dir, before, made_predictions(GOLD, AFTER), name=name) for name in ("a", "b", "mean")]
    mean = update_run(runs[2].folder, averaged=(runs[0].id, runs[1].id))
    assert differing_settings([runs[0], mean]).to_dict("records") == [
        {"setting": "average of", "a": "–", "mean": f"a, {runs[1].id}"}
    ]


def test_rows_that_changed_are_those_with_other_answers_the_decided_first(runs_dir):
    other = list(AFTER)
    other[0], other[7] = "neutral", "negative"
    changed = changed_rows(pair_of_runs(runs_dir, other))
    assert changed[["row_id", "first", "second", "right"]].to_dict("records") == [
        {"row_id": "r0", "first": "negative", "second": "neutral", "right": "first"},
        {"row_id": "r7", "first": "positive", "second": "negative", "right": "none"},
    ]


def test_equal_models_are_not_told_apart_and_have_no_changed_rows(runs_dir):
    runs = pair_of_runs(runs_dir, AFTER)
    assert changed_rows(runs).empty
    (pair,) = [one for one in compare_runs(runs).pairs if "baseline" not in (one.first, one.second)]
    assert "can't be told apart" in pair_verdict(pair) and "n = 12" in pair_verdict(pair)


def test_what_moved_besides_accuracy_is_said_in_the_same_breath(runs_dir):
    gold = ["neutral"] * 40 + ["positive"] * 60
    before = made_predictions(gold, ["neutral"] * 100)
    other = made_predictions(gold, ["neutral"] * 30 + ["positive"] * 20 + ["neutral"] * 50)
    runs = [made_run(runs_dir, before, table, name=name) for name, table in (("first", before), ("second", other))]
    (pair,) = [one for one in compare_runs(runs).pairs if "baseline" not in (one.first, one.second)]
    said = pair_verdict(pair).partition(": ")[0]
    assert said.startswith("“second” can't be told apart from “first” in accuracy on these rows, but is better in ")
    assert ", and worse in neutral called positive" in said
    turned = pair_verdict(replace(pair, difference=replace(pair.difference, value=-0.01)))
    assert turned.startswith("“first” can't be told apart from “second” in accuracy")
    assert "but is better in neutral called positive" in turned


def test_the_better_of_two_is_named_with_its_rows(runs_dir):
    gold = GOLD * 4
    before = made_predictions(gold, BEFORE * 4)
    first = made_run(runs_dir, before, made_predictions(gold, BEFORE * 4), name="first")
    second = made_run(runs_dir, before, made_predictions(gold, gold), name="second")
    (pair,) = [one for one in compare_runs([first, second]).pairs if "baseline" not in (one.first, one.second)]
    (turned,) = [one for one in compare_runs([second, first]).pairs if "baseline" not in (one.first, one.second)]
    assert pair_verdict(turned).split(". Only")[0] == pair_verdict(pair).split(". Only")[0]
    assert pair_verdict(pair).startswith("“second” is better than “first” on these rows: accuracy +")
    assert f"Only “first” is right on 0, only “second” on {pair.c:,}" in pair_verdict(pair)


@pytest.mark.parametrize("name", ["text", "gold", "baseline", "first sure"])
def test_a_run_named_like_a_column_goes_by_its_id(runs_dir, name):
    gold = GOLD * 4
    before = made_predictions(gold, BEFORE * 4)
    first = made_run(runs_dir, before, made_predictions(gold, BEFORE * 4), name="first")
    second = made_run(runs_dir, before, made_predictions(gold, gold), name=name)
    assert run_titles([first, second]) == {first.id: "first", second.id: second.id}
    assert {"first", second.id, "baseline"} == set(compare_runs([first, second]).models)
    assert {"text", "gold", "first", second.id} <= set(changed_rows([first, second]))
    found = runs_disagree([first, second])
    assert found.names == ("first", second.id)
    assert len(found.rows) == len(changed_rows([first, second]))
