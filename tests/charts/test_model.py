"""Tables and figures of a model: what they add up to, and that they show what the tables say."""

import pytest

from finsent.charts import model as charts_model
from finsent.models.memory import MethodCost, compare_methods, memory_account
from finsent.models.skeleton import read_configuration
from finsent.models.summary import summarise
from finsent.recipe import get_recipe


@pytest.fixture(scope="module")
def summary():
    return summarise("qwen3-0.6b")


@pytest.fixture(scope="module")
def account():
    return memory_account(read_configuration("qwen3-0.6b"), get_recipe("quick"), tokens_per_row=75)


def test_parts_add_up_to_the_whole_model(summary):
    table = charts_model.parts_table(summary)
    assert table["parameters"].sum() == 596_049_920 + 1_146_880
    assert table["share"].sum() == pytest.approx(1)
    assert table["part"].iloc[0] == "Token embedding and output head"


def test_every_branch_of_the_treemap_is_the_sum_of_its_leaves(summary):
    (trace,) = charts_model.parameter_treemap(summary).data
    for place, name in enumerate(trace.ids):
        below = [value for parent, value in zip(trace.parents, trace.values, strict=True) if parent == name]
        assert not below or sum(below) == trace.values[place], name
    assert trace.values[0] == 596_049_920 + 1_146_880
    assert sum(label == "LoRA" for label in trace.labels) == 1


def test_comparison_table_changes_by_lora_alone(summary):
    table = charts_model.comparison_table(summary).set_index("module")
    assert table.loc["ModuleList", "change"] == table.loc["Total", "change"] == 1_146_880
    assert table.loc["Embedding", "change"] == 0
    assert table.loc["Trainable"].tolist() == [311_230_464, 1_146_880, 1_146_880 - 311_230_464]


def test_rank_table_is_linear_and_the_figure_marks_the_choice(summary):
    table = charts_model.rank_table(summary.matrices, summary.target_modules)
    assert (table["chosen"] == table["rank"] * 1_146_880 // 8).all()
    assert (table["all"] > table["chosen"]).all()
    marked = charts_model.rank_figure(table, 8, 1_146_880).data[-1]
    assert (marked.x[0], marked.y[0]) == (8, 1_146_880)


def test_account_figure_stacks_every_piece(account):
    table = charts_model.account_table(account)
    figure = charts_model.account_figure(account, measured_bytes=2 * 10**9)
    *pieces, measured = figure.data
    assert [bar.x[0] for bar in pieces] == pytest.approx(table["MB"].tolist())
    assert sum(bar.x[0] for bar in pieces) == pytest.approx(account.total / 1e6)
    assert measured.x[0] == 2_000
    assert len(charts_model.account_figure(account).data) == len(pieces)


def test_methods_in_gigabytes():
    costs = compare_methods(read_configuration("qwen3-0.6b"), get_recipe("quick"))
    table = charts_model.methods_table(costs)
    assert table["method"].tolist() == ["Full fine-tuning", "LoRA", "QLoRA"]
    assert table["total"].is_monotonic_decreasing
    assert table["total"].iloc[0] == pytest.approx(16 * 596_049_920 / 1e9)
    shown = charts_model.methods_figure(table).data[-1].text
    assert shown[0].strip() == "9.54 GB"


def test_methods_of_a_tiny_model_are_in_a_unit_that_fits():
    costs = [MethodCost("QLoRA", 200_000, 3_000, 7_000)]
    table = charts_model.methods_table(costs)
    assert (table["unit"].tolist(), table["total"].tolist()) == (["KB"], [210.0])
    assert charts_model.methods_figure(table).data[-1].text[0].strip() == "210.00 KB"
