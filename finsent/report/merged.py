"""A run as one model in 16 bits that transformers loads alone, with a certificate of how far its answers are the run's.

The certificate compares three ways to use a run on the same rows: the adapter on NF4 weights, which is what was
trained and judged, the adapter on the base model in 16 bits, and the merged model.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from finsent.data.dataset import sample_rows
from finsent.errors import RunStateError
from finsent.evaluation.classifier import Classifier
from finsent.files import read_json
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions
from finsent.inference.scoring import score_labels
from finsent.metrics.figures import Interval
from finsent.metrics.statistics import share_interval
from finsent.models.merging import merged, on_16_bits
from finsent.report.adapter_files import NOTE, PROGRAM, program, to_json, usage_note
from finsent.report.model_card import model_card
from finsent.runs.rows import prepare_again
from finsent.runs.store import Run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from finsent.inference.prefix import Model

#: So many test rows, drawn with the split's seed, at most.
MOST_ROWS = 64
#: A difference of a log-probability that is worth a word: a factor of 1.1.
_NOTABLE = 0.1
CERTIFICATE = "certificate.json"


@dataclass(frozen=True)
class Way:
    """One way to use a run, beside the run's own: on ``n`` rows it gives ``same_labels`` of them the run's label.

    ``largest_difference`` is that of a label's log-probability (natural logarithm) over all rows and labels;
    ``warning`` is a sentence, or "" where nothing need be said.
    """

    way: str
    n: int
    same_labels: int
    agreement_ci: Interval
    largest_difference: float
    accuracy: float
    warning: str


def write_merged(run: Run, folder: Path) -> list[dict[str, Any]]:
    """Write a run's merged model into an empty folder, and return the rows of its certificate.

    Raises:
        RunStateError: the run has no adapter.
        FinsentError: its data, base model or adapter cannot be used.
    """
    if not run.has_adapter:
        raise RunStateError(f"Run {run.id} has no adapter to merge. Choose a run that is done, or wait for it.")
    rows = sample_rows(prepare_again(run).test, MOST_ROWS, run.recipe.split_seed)
    classifier = Classifier.of_run(run)
    tokenizer, own = classifier.tokenizer, classifier.score(rows, tuned=True)
    del classifier
    name = run.recipe.model
    ways = [_way("adapter on NF4 (the run)", own, own)]
    ways.append(
        _way("adapter on the base in bfloat16", own, _scored(on_16_bits(name, run.adapter_dir), tokenizer, rows))
    )
    model = merged(name, run.adapter_dir)
    ways.append(_way("merged, bfloat16", own, _scored(model, tokenizer, rows)))
    certificate = [asdict(way) for way in ways]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    note = usage_note(run) | {"quantization": "none: merged", "compute_dtype": "bfloat16"}
    for file, content in {NOTE: to_json(note), CERTIFICATE: to_json(certificate), PROGRAM: program()}.items():
        (folder / file).write_bytes(content)
    (folder / "README.md").write_text(model_card(run, "merged", certificate), encoding="utf-8")
    return certificate


def read_certificate(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the certificate that :func:`write_merged` left in a folder."""
    rows: list[dict[str, Any]] = read_json(folder / CERTIFICATE)
    return rows


def _scored(model: "Model", tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame) -> pd.DataFrame:
    return label_predictions(rows, score_labels(model, tokenizer, rows))


def _way(way: str, own: pd.DataFrame, other: pd.DataFrame) -> Way:
    n = len(own)
    same = int((own["predicted"] == other["predicted"]).sum())
    largest = float(np.nanmax(np.abs(own[LOGP_COLUMNS].to_numpy() - other[LOGP_COLUMNS].to_numpy())))
    accuracy = float((other["predicted"] == other["label"]).mean())
    interval = share_interval(same, n) or Interval(0.0, 1.0)
    return Way(way, n, same, interval, largest, accuracy, _warning(way, n, same, largest))


def _warning(way: str, n: int, same: int, largest: float) -> str:
    if same < n:
        return (
            f"{way}: {n - same} of {n} labels differ from the run's. The figures below are those of the run, not of "
            "this way to use it."
        )
    if largest > _NOTABLE:
        return f"{way}: the labels are the run's, but log-probabilities differ by up to {largest:.2f}."
    return ""
