"""Looking through rows: filters against what Python says of each row, orders, hits, rows of other tasks."""

import pandas as pd
import pytest

from finsent.bench.large_data import make_large
from finsent.data.browse import LENGTH, ORDERS, browsable, filter_rows, hits, places_in_order, rows_in_order
from finsent.data.dataset import load_data, split_rows


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A made set of 400 rows, 150 of them with a label, as it is browsed."""
    path = tmp_path_factory.mktemp("large") / "made.parquet"
    make_large(400, 150).to_parquet(path, index=False)
    data = load_data(str(path), others=True)
    assert (len(data.rows), len(data.others), data.total_rows) == (150, 250, 400)
    assert load_data(str(path)).others is None
    return browsable(split_rows(data.rows), data.others)


def test_rows_of_other_tasks_stand_after_the_labelled_ones(table):
    assert table["row_id"].is_unique and len(table) == 400
    assert set(table["task"].head(150)) == {"sentiment_analysis"}
    others = table.iloc[150:]
    assert "sentiment_analysis" not in set(others["task"])
    assert set(others["split"]) == {""}
    assert len(filter_rows(table, task=["qa"])) == (table["task"] == "qa").sum() > 0


@pytest.mark.parametrize("search", ["profit", "PROFIT", ".*(", "ø", "50%", " the "])
def test_a_search_finds_what_python_finds(table, search):
    found = filter_rows(table, search, (20, 300), source=["made_news", "made_instructions"])
    expected = [
        row.row_id
        for row in table.itertuples()
        if search.lower() in row.text.lower()
        and 20 <= len(row.text) <= 300
        and row.source in ("made_news", "made_instructions")
    ]
    assert found["row_id"].tolist() == expected


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_is_that_of_its_column(table, order):
    column, ascending = ORDERS[order]
    shown = table.iloc[places_in_order(table, order)]
    assert shown[column].tolist() == sorted(table[column], reverse=not ascending)
    assert sorted(shown["row_id"]) == sorted(table["row_id"])
    if ascending and column == LENGTH:
        assert shown["row_id"].tolist() == table.sort_values(LENGTH, kind="stable")["row_id"].tolist()


@pytest.mark.parametrize("order", [*ORDERS, ""])
@pytest.mark.parametrize("most", [0, 1, 40, 300, 1_000])
def test_the_first_rows_of_an_order_are_those_of_the_whole(table, order, most):
    assert places_in_order(table, order, most).tolist() == places_in_order(table, order)[:most].tolist()


@pytest.mark.parametrize("order", [*ORDERS, ""])
@pytest.mark.parametrize(("first", "last"), [(0, 40), (40, 80), (390, 500), (500, 600)])
def test_a_page_of_an_order_is_a_part_of_the_whole(table, order, first, last):
    whole = table.iloc[places_in_order(table, order)]
    pd.testing.assert_frame_equal(rows_in_order(table, order, first, last), whole.iloc[first:last])


def test_an_unknown_order_leaves_the_rows_as_they_are(table):
    assert places_in_order(table, "").tolist() == list(range(400))


@pytest.mark.parametrize(
    ("text", "search", "parts"),
    [
        (
            "Profit rose, profit fell",
            "profit",
            [("Profit", True), (" rose, ", False), ("profit", True), (" fell", False)],
        ),
        ("a.b", ".", [("a", False), (".", True), ("b", False)]),
        ("nothing", "x", [("nothing", False)]),
        ("all", "", [("all", False)]),
        ("", "x", []),
    ],
)
def test_hits(text, search, parts):
    assert list(hits(text, search)) == parts


def test_a_made_set_is_the_same_for_its_seed_and_its_texts_repeat_in_part():
    first, again, other = make_large(60, 40), make_large(60, 40), make_large(60, 40, seed=1)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
