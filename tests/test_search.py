"""The search behind the recipe best: candidates are valid, judged on validation rows alone, and kept with their n."""

import pandas as pd

from finsent import search as searching
from finsent.recipes import RECIPES, change_recipe, get_recipe
from finsent.search import CANDIDATES, kept_search, search


def test_every_candidate_is_a_valid_recipe():
    for changes in CANDIDATES.values():
        change_recipe(get_recipe("quick"), changes)


def test_candidates_are_judged_on_every_validation_row_and_on_no_test_row(tiny_llama, small_csv, monkeypatch):
    judged = []
    honest = searching._figures
    monkeypatch.setattr(searching, "_figures", lambda m, t, rows: judged.append(rows) or honest(m, t, rows))
    names = ["all seven matrices", "all seven, answers"]
    told = []
    found = search(str(tiny_llama), str(small_csv), 16, names, told.append)
    assert told == names
    assert found["candidate"].tolist() == [names[0]] * 2 + [names[1]] * 2
    assert found["adapter"].tolist() == ["last", "averaged"] * 2
    assert set(found["n"]) == {12}
    assert ((found["low"] <= found["accuracy"]) & (found["accuracy"] <= found["high"])).all()
    assert (found["log_loss"] > 0).all()
    assert all((rows["split"] == "validation").all() for rows in judged)


def test_the_averaged_steps_are_late_and_even():
    assert searching.late_steps(211) == [211, 190, 169, 148]
    assert searching.late_steps(2) == [2, 1]


def test_what_was_found_is_kept_with_its_size():
    kept = kept_search()
    assert {"candidate", "adapter", "accuracy", "low", "high", "macro_f1", "n", "train_rows"} <= set(kept.columns)
    assert isinstance(kept, pd.DataFrame)
    assert len(kept) >= 4
    assert kept["n"].min() > 100
    assert RECIPES["best"].checkpoint == "averaged"
