"""The search behind the recipe ``best``: settings tried on the training rows and judged on the validation split alone.

Each candidate is the recipe ``quick`` with a few changes, trained from the start; the test split is never scored. What
was found is kept in ``data/best_search.csv``, which the app shows beside the recipe.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from finsent.recipes import Recipe, change_recipe, get_recipe

_ALL = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"
#: What was tried, in words, and how it differs from ``quick``.
CANDIDATES: dict[str, dict[str, Any]] = {
    "quick's settings": {},
    "all seven matrices": {"target_modules": _ALL},
    "all seven, loss within the answers": {"target_modules": _ALL, "loss": "answers"},
    "query and value, loss within the answers": {"loss": "answers"},
    "all seven, answers, rate 1e-3": {"target_modules": _ALL, "loss": "answers", "learning_rate": 1e-3},
    "all seven, answers, rate 2e-4, rank 16": {
        "target_modules": _ALL,
        "loss": "answers",
        "learning_rate": 2e-4,
        "lora_rank": 16,
    },
    "all seven, answers, cosine": {"target_modules": _ALL, "loss": "answers", "schedule": "cosine"},
}
#: An averaged adapter is the mean of those at this many points, evenly over the last two fifths of the steps.
_AVERAGED = 4
_FILE = Path(__file__).parent / "data" / "best_search.csv"


def search(
    source: str, rows: int | None, names: Iterable[str] = CANDIDATES, report: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """Return one row per candidate: its figures on every validation row, as trained and with averaged adapters.

    ``rows`` training rows are drawn (None: all). ``report`` is told of each candidate before it is trained. Columns:
    ``candidate, adapter, accuracy, low, high`` (95 % Wilson interval), ``macro_f1, weighted_f1, log_loss`` (nats),
    ``n, train_rows, minutes``.

    Raises:
        DataError, ModelError: the data or the model cannot be used.
    """
    found = []
    for name in names:
        if report is not None:
            report(name)
        shared = {"source": source, "rows": rows, "validation_rows": None, "checkpoint": "last"}
        found.append(try_recipe(change_recipe(get_recipe("quick"), shared | CANDIDATES[name])).assign(candidate=name))
    table = pd.concat(found, ignore_index=True)
    return table[["candidate", *table.columns.drop("candidate")]]


def kept_search() -> pd.DataFrame:
    """Return what the search behind ``best`` found, as :func:`search` gives it, with a column ``data``."""
    return pd.read_csv(_FILE)


def try_recipe(recipe: Recipe) -> pd.DataFrame:
    """Train by a recipe and return its figures on the validation rows (see :func:`search`)."""
    import time

    from finsent.models import load_base
    from finsent.rows import draw_rows
    from finsent.training import make_trainer

    rows = draw_rows(recipe)
    model, tokenizer = load_base(recipe.model, recipe.compute_dtype)
    with TemporaryDirectory(prefix="finsent-search-") as folder:
        trainer = make_trainer(model, tokenizer, recipe, rows.train, rows.validation, Path(folder), at_step=None)
        trainer.args.eval_strategy = trainer.args.save_strategy = "no"
        snapshots = _snapshots()
        trainer.add_callback(snapshots)
        began = time.perf_counter()
        trainer.train()
        minutes = (time.perf_counter() - began) / 60
    lines = [_figures(trainer.model, tokenizer, rows.validation) | {"adapter": "last"}]
    snapshots.give_mean(trainer.model)
    lines.append(_figures(trainer.model, tokenizer, rows.validation) | {"adapter": "averaged"})
    return pd.DataFrame(lines).assign(train_rows=len(rows.train), minutes=minutes)


def _figures(model: Any, tokenizer: Any, rows: pd.DataFrame) -> dict[str, Any]:
    import numpy as np
    from sklearn.metrics import log_loss

    from finsent.labels import FIVE_LABELS
    from finsent.metrics import evaluate_predictions
    from finsent.predictions import answer_probabilities, predict
    from finsent.statistics import share_interval

    predictions = predict(model, tokenizer, rows)
    figures = evaluate_predictions(predictions)
    right = int((predictions["predicted"] == predictions["label"]).sum())
    low, high = share_interval(right, len(rows))
    gold = np.eye(len(FIVE_LABELS))[[FIVE_LABELS.index(label) for label in predictions["label"]]]
    return {
        "adapter": "",
        "accuracy": figures["accuracy"],
        "low": low,
        "high": high,
        "macro_f1": figures["macro_f1"],
        "weighted_f1": figures["weighted_f1"],
        "log_loss": log_loss(gold, np.nan_to_num(answer_probabilities(predictions))),
        "n": len(rows),
    }


def _snapshots() -> Any:
    """Return a callback that adds up the LoRA matrices at some late steps; ``give_mean(model)`` loads their mean."""
    import torch
    from transformers import TrainerCallback

    class Snapshots(TrainerCallback):
        def __init__(self) -> None:
            self.sums: dict[str, torch.Tensor] = {}
            self.taken = 0

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
            apart = max(1, round(0.4 * state.max_steps / _AVERAGED))
            left = state.max_steps - state.global_step
            if left % apart or left >= apart * _AVERAGED:
                return
            self.taken += 1
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    self.sums[name] = self.sums.get(name, 0) + parameter.detach()

        def give_mean(self, model: Any) -> None:
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    parameter.data = self.sums[name] / self.taken

    return Snapshots()
