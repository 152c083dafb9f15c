"""What a visitor waits for: an explanation beside one call a variant, and 500 headlines beside one generation each."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from finsent.bench.bench import Bench
from finsent.bench.figures import alternate, figure, ratios
from finsent.evaluation.attribution import leaving_each_out, variant_rows
from finsent.evaluation.words import words_of
from finsent.inference.scoring import score_labels
from finsent.models.base import load_base
from finsent.recipe import get_recipe

if TYPE_CHECKING:
    from finsent.inference.prefix import Model

#: Words of the headlines that are explained, and how many a turn explains.
WORDS, EXPLAINED = 20, 3
HEADLINES = 500


def explain(bench: Bench) -> dict[str, Any]:
    """Return how much faster the words of 20-word headlines are left out in one packed row than in a call each.

    Both models answer, the adapter being a new one: what it holds does not change how long it takes.
    """
    from finsent.training.trainer import lora_config

    model, tokenizer = load_base(bench.model)
    model.add_adapter(lora_config(get_recipe("quick"), model))
    variants = [_variants(row) for row in _of_words(bench.table)]

    def packed() -> None:
        for rows in variants:
            score_labels(model, tokenizer, rows, share=True)

    def one_by_one() -> None:
        for rows in variants:
            for place in range(len(rows)):
                score_labels(model, tokenizer, rows.iloc[place : place + 1])

    seconds = alternate({"packed": _of_both(model, packed), "calls": _of_both(model, one_by_one)}, bench.pairs)
    each = {name: [taken / len(variants) for taken in values] for name, values in seconds.items()}
    return {
        "speedup_vs_call_a_variant": ratios(seconds["calls"], seconds["packed"]),
        "seconds_an_explanation": figure(each["packed"]),
        "seconds_by_calls": figure(each["calls"]),
    }


def headlines(bench: Bench) -> dict[str, Any]:
    """Return how much faster 500 headlines are answered than by one generation each, a headline; by the tuned model.

    As many as a turn has rows are generated, since 500 take minutes.
    """
    from finsent.bench.sides import scoring_sides

    model, tokenizer = bench.tuned
    many = bench.table.head(HEADLINES)
    few = scoring_sides(model, tokenizer, bench.some)["generate_loop"]
    seconds = alternate({"finsent": scoring_sides(model, tokenizer, many)["finsent"], "generate": few}, bench.pairs)
    each = {
        "finsent": [taken / len(many) for taken in seconds["finsent"]],
        "generate": [taken / len(bench.some) for taken in seconds["generate"]],
    }
    return {
        "speedup_vs_generate_each": ratios(each["generate"], each["finsent"]),
        "seconds_for_all": figure(seconds["finsent"]),
        "headlines": len(many),
    }


def _of_words(table: pd.DataFrame) -> list[pd.Series]:
    """Return rows whose texts are cut to exactly so many words."""
    rows = []
    for _, row in table.iterrows():
        words = words_of(row["text"])
        if len(words) >= WORDS:
            text = row["text"][: words[WORDS - 1].end]
            rows.append(row.where(row.index != "text", text))
        if len(rows) == EXPLAINED:
            break
    return rows


def _variants(row: pd.Series) -> pd.DataFrame:
    words = words_of(row["text"])
    return variant_rows(row, words, leaving_each_out(len(words)))


def _of_both(model: "Model", work: Callable[[], None]) -> Callable[[], float]:
    """Return a side that does its work by the fine-tuned model and by the baseline, and returns its seconds."""

    def run() -> float:
        began = time.perf_counter()
        model.enable_adapters()
        work()
        model.disable_adapters()
        work()
        return time.perf_counter() - began

    return run
