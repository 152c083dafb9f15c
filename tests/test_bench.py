"""The benchmark's arithmetic: ratios turn by turn, kinds of work, and every figure of a small bench."""

import pytest
import torch

from finsent import bench
from finsent.bench import alternate, figure, ratios, run_bench
from finsent.bench_profile import KINDS, OTHER, kind_of, profile_of


def test_a_figure_is_median_range_and_number():
    assert figure([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0, "n": 3}
    assert ratios([2.0, 9.0], [1.0, 3.0]) == {"median": 2.5, "min": 2.0, "max": 3.0, "n": 2}


def test_sides_take_turns_and_the_first_turn_does_not_count():
    order = []

    def side(name):
        return lambda: order.append(name) or len(order)

    seconds = alternate({"a": side("a"), "b": side("b")}, pairs=2)
    assert order == ["a", "b"] * 3
    assert seconds == {"a": [3, 5], "b": [4, 6]}


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::mm", "matrix products"),
        ("bitsandbytes::dequantize_4bit", "4-bit weights unpacked"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "attention"),
        ("aten::mul", "elementwise and norms"),
        ("aten::view", OTHER),
    ],
)
def test_operations_are_told_apart(operation, kind):
    assert kind_of(operation) == kind


def test_a_profile_is_of_what_was_done():
    square = torch.randn(700, 700)
    profile = profile_of(lambda: [torch.mm(square, square) for _ in range(10)])
    assert set(profile["shares"]) == {*KINDS, OTHER}
    assert sum(profile["shares"].values()) == pytest.approx(1)
    assert profile["shares"]["matrix products"] > 0.8


def test_the_peak_memory_of_a_side_is_measured_in_a_process_of_its_own(tiny_llama, small_csv):
    assert 10**8 < bench._peak_memory("finsent", 8, str(tiny_llama), str(small_csv)) < 10**10


def test_every_figure_of_a_small_bench(tiny_llama, small_csv, monkeypatch):
    # Fourteen processes that each import torch would take over a minute.
    monkeypatch.setattr(bench, "_peak_memory", lambda side, *_: 10**9)
    figures = run_bench(str(tiny_llama), str(small_csv), pairs=2, rows=8)
    for part, names in {
        "train": ["speedup_vs_trl_tutorial", "speedup_vs_trl_best", "share_of_peak"],
        "score": [
            "speedup_vs_generate_loop",
            "speedup_vs_generate_loop_baseline",
            "speedup_vs_generate_batched",
            "share_of_peak",
        ],
        "growth": ["train_4x", "train_16x", "score_4x", "score_16x", "train_memory_16x", "score_memory_16x"],
    }.items():
        for name in names:
            value = figures[part][name]
            assert 0 < value["min"] <= value["median"] <= value["max"]
            assert value["n"] >= 1
    assert len(figures["memory"]) == 10
    assert all(0 < count <= 16 for count in figures["score"]["written_tokens_per_row"].values())
    assert set(figures["profile"]) == {"train", "score"}
