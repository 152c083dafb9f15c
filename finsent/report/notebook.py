"""A run as a notebook that repeats it with TRL and PEFT alone, beside the rows that it needs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from finsent.errors import RunStateError
from finsent.files import ASSETS
from finsent.labels import split_answers
from finsent.metrics.figures import Figures
from finsent.prompts import completion
from finsent.recipe import warmup_steps
from finsent.report.adapter_files import NOTE, PROGRAM, program, to_json, usage_note
from finsent.runs.history import read_comparison
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run

if TYPE_CHECKING:
    from finsent.data.prepared import Prepared

NOTEBOOK, SETTINGS = "repeat_run.ipynb", "run.json"
_FIGURES = ("accuracy", "macro_f1", "neutral_as_positive")


def write_notebook(run: Run, folder: Path) -> None:
    """Write the notebook of a run into an empty folder, with its rows, its settings and the program that loads models.

    Raises:
        RunStateError: TRL has no such training, or the run has not been judged.
        RunChangedError, DataError: its data are not what they were.
    """
    _check_repeatable(run)
    comparison = read_comparison(run)
    if comparison is None:
        raise RunStateError(f"Run {run.id} has no figures to reach. Evaluate it first, or choose a run that is done.")
    prepared = prepare_again(run)
    settings = {
        "run": run.id,
        "recipe": run.settled_recipe.model_dump(exclude={"model", "source"}),
        "warmup_steps": warmup_steps(run.recipe, len(prepared.train)),
        "figures": _figures(comparison.tuned),
    }
    contents = {SETTINGS: to_json(settings), NOTE: to_json(usage_note(run)), PROGRAM: program()}
    contents |= {f"{split}.jsonl": _rows(table) for split, table in _splits(prepared).items()}
    contents[NOTEBOOK] = (ASSETS / NOTEBOOK).read_bytes()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _check_repeatable(run: Run) -> None:
    recipe = run.recipe
    why = {
        "it starts from the adapter of another run, which a notebook of its own rows does not have": bool(run.parent),
        "it trained nothing itself and averages the adapters of other runs": bool(run.averaged),
        "its loss is over the answer set, which TRL does not have": recipe.loss == "answers",
        "it keeps the mean of several adapters, which TRL does not have": recipe.checkpoint == "averaged",
        "it was trained in several processes, which a notebook does not start": recipe.processes > 1,
    }
    for words in (words for words, holds in why.items() if holds):
        raise RunStateError(
            f"Run {run.id} cannot be repeated with TRL alone: {words}. Export it as adapter, merged or model-card."
        )


def _splits(prepared: "Prepared") -> dict[str, pd.DataFrame]:
    return {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}


def _rows(table: pd.DataFrame) -> bytes:
    """Return rows as JSON lines: prompt and completion as TRL takes them, the label, those allowed."""
    lines = [
        json.dumps(
            {
                "prompt": row.prompt,
                "completion": completion(str(row.label)),
                "label": row.label,
                "answers": split_answers(str(row.answers)),
            },
            ensure_ascii=False,
        )
        for row in table.itertuples()
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        name: {"value": getattr(figures, name), "interval": getattr(figures, f"{name}_ci")} for name in _FIGURES
    } | {
        "n": figures.n,
        "neutral_n": figures.neutral_n,
    }
