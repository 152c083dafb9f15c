"""Names of runs: what a person can say, from the start, and finds the run again."""

from datetime import UTC, datetime

import pytest

from finsent.recipe import change_recipe, get_recipe
from finsent.runs.find import find_run
from finsent.runs.names import spoken_words
from finsent.runs.store import create_run

QUICK = get_recipe("quick")


@pytest.mark.parametrize(
    ("recipe", "changes", "words"),
    [
        ("quick", {}, "quick · lab headlines"),
        ("quick", {"seed": 7}, "quick · lab headlines · seed 7"),
        ("quick", {"source": "/data/my news.csv"}, "quick · my news"),
        ("quick", {"source": "/data/own.csv", "labels": "0=negative,1=neutral,2=positive"}, "quick · own"),
        ("tutorial", {}, "tutorial · Sujet"),
        ("tutorial", {"source": "embedded", "model": "embedded"}, "tutorial · lab headlines · SmolLM2-135M"),
        ("quick", {"model": "/models/tiny", "lora_rank": 16}, "quick · lab headlines · tiny · LoRA rank 16"),
        ("quick", {"seed": 7, "rows": 300, "epochs": 2}, "quick · lab headlines · rows 300 · seed 7 · 1 more changed"),
    ],
)
def test_a_name_says_recipe_data_and_what_differs(recipe, changes, words):
    assert spoken_words(change_recipe(get_recipe(recipe), changes)) == words


def test_runs_of_the_same_words_are_counted_and_found_by_their_names(runs_dir):
    seven = change_recipe(QUICK, {"seed": 7})
    runs = [create_run(seven, runs_dir), create_run(QUICK, runs_dir), create_run(seven, runs_dir, "mine")]
    third = create_run(seven, runs_dir)
    assert [run.title for run in (*runs, third)] == [
        "quick · lab headlines · seed 7",
        "quick · lab headlines",
        "mine",
        "quick · lab headlines · seed 7 · 3",
    ]
    assert find_run(runs_dir, "quick · lab headlines · seed 7 · 3") == third
    assert find_run(runs_dir, "quick lab headlines seed 7") == runs[0]
    # The name that its owner gave it takes nothing away.
    assert find_run(runs_dir, "mine") == find_run(runs_dir, "quick lab headlines seed 7 2") == runs[2]


def test_a_run_of_an_older_version_is_told_by_its_time(runs_dir):
    old = create_run(QUICK, runs_dir).model_copy(
        update={"number": 0, "created": datetime(2026, 3, 1, 9, 5, tzinfo=UTC)}
    )
    assert old.title == "quick · lab headlines · 01 Mar 09:05"


def test_a_list_shows_title_changes_and_date(runs_dir):
    made = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
    named = create_run(change_recipe(QUICK, {"seed": 7, "rows": 300}), runs_dir, "mine")
    assert named.model_copy(update={"created": made}).label == "mine · rows 300, seed 7 · 01 Mar 09:05 UTC"
    plain = create_run(QUICK, runs_dir).model_copy(update={"created": made})
    assert plain.label == "quick · lab headlines · 01 Mar 09:05 UTC"
