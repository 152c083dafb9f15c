"""The search behind the recipe best: candidates are valid, judged on no test or trained row, and kept with their n."""

import pandas as pd

from finsent import search as searching
from finsent.recipes import RECIPES, change_recipe, get_recipe
from finsent.search import CANDIDATES, kept_search, search


def test_every_candidate_is_a_valid_recipe():
    for changes in CANDIDATES.values():
        change_recipe(get_recipe("quick"), {"checkpoint": "averaged"} | changes)


def test_candidates_are_judged_on_rows_that_neither_trained_nor_test_them(tiny_llama, small_csv, monkeypatch):
    judged = []
    honest = searching._figures
    monkeypatch.setattr(searching, "_figures", lambda m, t, rows, a: judged.append(rows) or honest(m, t, rows, a))
    trained = []
    draw = searching.draw_rows
    monkeypatch.setattr(searching, "draw_rows", lambda recipe: trained.append(draw(recipe)) or trained[-1])
    names = ["all seven matrices", "all seven, answers"]
    told = []
    found = search(str(tiny_llama), str(small_csv), 16, names, told.append)
    assert told == names
    assert found["candidate"].tolist() == [names[0]] * 2 + [names[1]] * 2
    assert found["adapter"].tolist() == ["last", "averaged"] * 2
    # 12 validation rows and the 80 training rows of 96 that were not drawn.
    assert set(found["n"]) == {92}
    assert ((found["low"] <= found["accuracy"]) & (found["accuracy"] <= found["high"])).all()
    assert (found["log_loss"] > 0).all()
    assert all(set(rows["split"]) == {"train", "validation"} for rows in judged)
    assert len(trained[0].train) == 16
    assert not set(judged[0]["row_id"]) & set(trained[0].train["row_id"])


def test_what_was_found_is_kept_with_its_size():
    kept = kept_search()
    assert {"candidate", "adapter", "accuracy", "low", "high", "macro_f1", "n", "train_rows"} <= set(kept.columns)
    assert isinstance(kept, pd.DataFrame)
    assert set(kept["candidate"]) <= set(CANDIDATES)
    assert kept["n"].min() > 100
    assert RECIPES["best"].checkpoint == "averaged"
