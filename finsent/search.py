"""The search behind the recipe ``best``: settings tried on some training rows and judged on others.

Each candidate is the recipe ``quick`` with a few changes, trained from the start, and judged on the validation rows and
the training rows that were not drawn; the test split is never scored. What was found is kept in
``data/best_search.csv``, which the app shows beside the recipe.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pandas as pd

from finsent.datasets import split_rows
from finsent.recipes import Attention, Recipe, TargetModule, change_recipe, get_recipe
from finsent.rows import RunRows, draw_rows

_ALL = get_args(TargetModule)
_ANSWERS = {"target_modules": _ALL, "loss": "answers", "max_grad_norm": 3.0}
_LONGER = _ANSWERS | {"learning_rate": 1e-3, "lora_dropout": 0.0, "warmup_steps": 20, "epochs": 2}
_PREFIX = _LONGER | {"attention": "prefix"}
#: What was tried, in words, and how it differs from ``quick``.
CANDIDATES: dict[str, dict[str, Any]] = {
    "quick": {},
    "all seven matrices": {"target_modules": _ALL},
    "all seven, answers": _ANSWERS,
    "all seven, answers, rate 1e-3": _ANSWERS | {"learning_rate": 1e-3},
    "all seven, answers, rate 2e-3": _ANSWERS | {"learning_rate": 2e-3},
    "all seven, answers, rate 1e-3, no dropout": _ANSWERS | {"learning_rate": 1e-3, "lora_dropout": 0.0},
    "all seven, answers, rate 2e-4, rank 16": _ANSWERS | {"learning_rate": 2e-4, "lora_rank": 16},
    "two epochs, rate 1e-3, no dropout": _LONGER,
    "two epochs, rate 1e-3, no dropout, seed 43": _LONGER | {"seed": 43},
    "two epochs, rate 1e-3, no dropout, soup of two": _LONGER | {"soup": 2},
    "two epochs, rate 1e-3, no dropout, prefix LM": _PREFIX,
    "two epochs, rate 1e-3, no dropout, prefix LM, seed 43": _PREFIX | {"seed": 43},
    "two epochs, rate 1e-3, no dropout, prefix LM, seed 44": _PREFIX | {"seed": 44},
    "two epochs, rate 1e-3, no dropout, prefix LM, soup of two": _PREFIX | {"soup": 2},
    "two epochs, rate 1e-3, no dropout, prefix LM, soup of three": _PREFIX | {"soup": 3},
    "two epochs, constant rate 1e-3, no dropout, prefix LM": _PREFIX | {"schedule": "constant"},
    "two epochs, rate 5e-4, no dropout, prefix LM": _PREFIX | {"learning_rate": 5e-4},
    "two epochs, rate 1e-3, no dropout, prefix LM, rank 32": _PREFIX | {"lora_rank": 32, "lora_alpha": 128},
    "three epochs, rate 1e-3, dropout 0.1, prefix LM": _PREFIX | {"epochs": 3, "lora_dropout": 0.1},
    "one epoch, rate 1e-3, no dropout, prefix LM": _PREFIX | {"epochs": 1},
    "one epoch, rate 1e-3, no dropout, prefix LM, seed 43": _PREFIX | {"epochs": 1, "seed": 43},
    "one epoch, rate 1e-3, no dropout, prefix LM, seed 44": _PREFIX | {"epochs": 1, "seed": 44},
    "one epoch, rate 1e-3, no dropout, prefix LM, soup of three": _PREFIX | {"epochs": 1, "soup": 3},
}
_FILE = Path(__file__).parent / "data" / "best_search.csv"


def search(
    model: str,
    source: str,
    rows: int | None,
    names: Iterable[str] = CANDIDATES,
    report: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Return one row per candidate: its figures on rows that it was not trained on, as trained and averaged.

    ``rows`` training rows are drawn (None: all), and the others judge beside the validation rows. ``report`` is told of
    each candidate before it is trained. Columns:
    ``candidate, adapter, accuracy, low, high`` (95 % Wilson interval), ``macro_f1, weighted_f1, log_loss`` (nats),
    ``n, train_rows, minutes``.

    Raises:
        DataError, ModelError: the data or the model cannot be used.
    """
    found = []
    for name in names:
        if report is not None:
            report(name)
        shared = {"model": model, "source": source, "rows": rows, "validation_rows": None, "checkpoint": "averaged"}
        found.append(try_recipe(change_recipe(get_recipe("quick"), shared | CANDIDATES[name])).assign(candidate=name))
    table = pd.concat(found, ignore_index=True)
    return table[["candidate", *table.columns.drop("candidate")]]


def kept_search() -> pd.DataFrame:
    """Return what the search behind ``best`` found on Financial PhraseBank, as :func:`search` gives it."""
    return pd.read_csv(_FILE)


def try_recipe(recipe: Recipe) -> pd.DataFrame:
    """Train by a recipe and return its figures on the rows of :func:`judged_rows` (see :func:`search`)."""
    import time

    from finsent.averaging import give_mean
    from finsent.models import load_base
    from finsent.training import make_trainer, snapshots_dir

    rows = draw_rows(recipe)
    judged = judged_rows(recipe, rows)
    model, tokenizer = load_base(recipe.model, recipe.compute_dtype)
    with TemporaryDirectory(prefix="finsent-search-") as folder:
        trainer = make_trainer(model, tokenizer, recipe, rows.train, rows.validation, Path(folder), at_step=None)
        trainer.args.eval_strategy = trainer.args.save_strategy = "no"
        began = time.perf_counter()
        trainer.train()
        minutes = (time.perf_counter() - began) / 60
        lines = [_figures(trainer.model, tokenizer, judged, recipe.attention) | {"adapter": "last"}]
        give_mean(trainer.model, snapshots_dir(Path(folder)), trainer.state, recipe.soup)
        lines.append(_figures(trainer.model, tokenizer, judged, recipe.attention) | {"adapter": "averaged"})
    return pd.DataFrame(lines).assign(train_rows=len(rows.train), minutes=minutes)


def judged_rows(recipe: Recipe, rows: RunRows) -> pd.DataFrame:
    """Return the rows that a candidate is judged on: the validation rows, and training rows that were not drawn."""
    every = split_rows(rows.data.rows, recipe.split_seed)
    spare = every[(every["split"] == "train") & ~every["row_id"].isin(rows.train["row_id"])]
    return pd.concat([rows.validation, spare], ignore_index=True)


def _figures(model: Any, tokenizer: Any, rows: pd.DataFrame, attention: Attention) -> dict[str, Any]:
    import numpy as np
    from sklearn.metrics import log_loss

    from finsent.labels import FIVE_LABELS
    from finsent.metrics import evaluate_predictions
    from finsent.predictions import answer_probabilities, predict

    predictions = predict(model, tokenizer, rows, attention=attention)
    figures = evaluate_predictions(predictions)
    low, high = figures["accuracy_ci"]
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
