"""The benchmark of Compare measures what the page computes, on rows that look like predictions."""

from finsent.bench.compare import bench_compare, random_predictions
from finsent.labels import split_answers


def test_random_predictions_are_a_predictions_table():
    first, second = random_predictions(300, 0), random_predictions(300, 1)
    assert first["split"].value_counts().to_dict() == {"test": 300, "validation": 200}
    assert first["row_id"].is_unique
    assert first[["row_id", "label", "answers"]].equals(second[["row_id", "label", "answers"]])
    assert not first["predicted"].equals(second["predicted"])
    for _, row in first.iterrows():
        assert {row["label"], row["predicted"]} <= set(split_answers(row["answers"]))


def test_figures_have_their_range_and_number():
    figures = bench_compare(rows=300, repeats=2)
    assert figures["rows"] == 300
    for name in ("first_view_seconds", "later_view_seconds"):
        assert 0 < figures[name]["min"] <= figures[name]["median"] <= figures[name]["max"]
        assert figures[name]["n"] == 2
