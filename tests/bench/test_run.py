"""The benchmark's arithmetic: ratios turn by turn, kinds of work, and every figure of a small bench."""

import pytest
import torch

from finsent.bench import beside, growth
from finsent.bench.bench import Bench
from finsent.bench.figures import alternate, figure, ratios
from finsent.bench.parts import APART, PARTS
from finsent.bench.profile import KINDS, OTHER, kind_of, profile_of
from finsent.bench.run import FUNCTIONS, bench_table, run_bench


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


def test_the_peak_memory_of_a_side_is_measured_in_a_process_of_its_own(tiny_llama, small_csv, tmp_path, forked_modules):
    bench = Bench(str(tiny_llama), str(small_csv), pairs=2, rows=8, folder=tmp_path, threads=2)
    assert 10**8 < growth.peak_memory_of(bench, "finsent", 8) < 10**10


def test_every_part_has_a_name_and_a_function():
    assert list(PARTS) == list(FUNCTIONS)
    assert set(APART) < set(PARTS)


def small_bench(tiny_llama, small_csv, monkeypatch, **options):
    # Fourteen processes that each import torch would take over a minute.
    monkeypatch.setattr(growth, "peak_memory_of", lambda *_: 10**9)
    return run_bench(str(tiny_llama), str(small_csv), pairs=2, rows=8, **options)


FIGURES = {
    "training": ["speedup_vs_trl_tutorial", "speedup_vs_trl_best", "share_of_peak"],
    "scoring": [
        "speedup_vs_generate_loop",
        "speedup_vs_generate_loop_baseline",
        "speedup_vs_generate_batched",
        "share_of_peak",
    ],
    "growth": ["train_4x", "train_16x", "score_4x", "score_16x", "train_memory_16x", "score_memory_16x"],
    "explain": ["speedup_vs_call_a_variant", "seconds_an_explanation"],
    "headlines": ["speedup_vs_generate_each", "seconds_for_all"],
    "compare": ["first_view_seconds", "later_view_seconds"],
}


def check_part(figures, part):
    for name in FIGURES.get(part, []):
        value = figures[part][name]
        assert 0 < value["min"] <= value["median"] <= value["max"]
        assert value["n"] >= 1


def test_every_figure_of_a_small_bench(tiny_llama, small_csv, monkeypatch):
    figures = small_bench(tiny_llama, small_csv, monkeypatch)
    assert [name for name in PARTS if name in figures] == [name for name in PARTS if name not in APART]
    for part in ("training", "scoring", "growth"):
        check_part(figures, part)
    assert len(figures["memory"]) == 10
    assert all(0 < count <= 16 for count in figures["scoring"]["written_tokens_per_row"].values())
    assert set(figures["profile"]) == {"train", "score"}
    table = bench_table(figures)
    assert all(f"{part} {name}" in table for part in ("training", "scoring", "growth") for name in FIGURES[part])
    assert "memory finsent_batch_8" in table and "train time in matrix products" in table


@pytest.mark.parametrize("part", ["scoring", "explain", "headlines"])
def test_a_part_can_be_measured_alone(tiny_llama, small_csv, monkeypatch, part):
    figures = small_bench(tiny_llama, small_csv, monkeypatch, only=part)
    assert set(figures) & set(PARTS) == {part}
    check_part(figures, part)


def test_training_and_answers_are_measured_alone_and_beside_one_another(
    tiny_llama, small_csv, runs_dir, monkeypatch, real_worker, forked_workers
):
    monkeypatch.setattr(beside, "MOST_PAIRS", 1)
    monkeypatch.setattr(beside, "IDLE_ANSWERS", 2)
    monkeypatch.setattr(beside, "ANSWERS_BESIDE", 2)
    figures = run_bench(str(tiny_llama), str(small_csv), only="beside")["beside"]
    for value in figures.values():
        assert 0 < value["min"] <= value["median"] <= value["max"]
    assert figures["training_kept"]["n"] == 1 and figures["answer_beside_seconds"]["n"] == 2
    alone, together = (figures[f"training_{how}_tokens_per_second"]["median"] for how in ("alone", "beside"))
    assert figures["training_kept"]["median"] == pytest.approx(together / alone)
    medians = [figures[f"answer_{how}_seconds"]["median"] for how in ("beside", "idle")]
    assert figures["answer_slowdown"]["median"] == pytest.approx(medians[0] / medians[1])
