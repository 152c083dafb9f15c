"""Predictions: one row per scored text, in a table that is saved beside the run and shared where it can be.

Columns: ``row_id, text, label`` (gold), ``answers, source, topic, split``, ``logp_<label>`` for the five labels,
``predicted``, ``confidence`` (the predicted label's probability within the answer set), and ``generated`` and
``generated_label``, which are empty unless the model was asked to write its answer.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.errors import DiskFullError, RunError
from finsent.labels import FIVE_LABELS
from finsent.parallel import in_shares
from finsent.recipes import Attention
from finsent.scoring import Report, score_labels

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: The two models of a run, in the order of tables and pairs.
MODELS = ("baseline", "tuned")
ROW_COLUMNS = ["row_id", "text", "label", "answers", "source", "topic", "split"]
LOGP_COLUMNS = [f"logp_{label}" for label in FIVE_LABELS]


def predict(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    report: Report | None = None,
    *,
    attention: Attention,
) -> pd.DataFrame:
    """Return the predictions table of a data table's rows, in their order; the processes of a run share the work.

    ``report(done, total)`` is called as the work goes on, and may raise to stop it. ``attention`` is what the model
    was trained with; it has no default, since scoring a prefix LM causally only costs it a point or two and so goes
    unnoticed.
    """

    def score(share: pd.DataFrame) -> pd.DataFrame:
        return score_labels(model, tokenizer, share, report, attention=attention)

    return label_predictions(rows, in_shares(rows, score))


def label_predictions(rows: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions table of rows and their label log-probabilities (columns ``logp_<label>``)."""
    probabilities = answer_probabilities(scores)
    table = rows.reindex(columns=ROW_COLUMNS).reset_index(drop=True)
    table["split"] = table["split"].astype(object).where(table["split"].notna(), "")
    table[LOGP_COLUMNS] = scores[LOGP_COLUMNS].to_numpy()
    table["predicted"] = np.array(FIVE_LABELS)[np.nanargmax(probabilities, axis=1)]
    table["confidence"] = np.nanmax(probabilities, axis=1)
    table["generated"] = pd.Series(None, index=table.index, dtype=object)
    table["generated_label"] = pd.Series(None, index=table.index, dtype=object)
    return table


def answer_probabilities(scores: pd.DataFrame) -> np.ndarray:
    """Return each label's probability within its row's answer set, shape (rows, 5); NaN outside the set."""
    values = scores[LOGP_COLUMNS].to_numpy(dtype=float)
    weights = np.exp(values - np.nanmax(values, axis=1, keepdims=True))
    return weights / np.nansum(weights, axis=1, keepdims=True)


def save_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write a predictions table by renaming a finished parquet file into place.

    Raises:
        DiskFullError: there is no room; nothing half-written is left.
    """
    scratch = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(scratch, index=False)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise DiskFullError(f"{path} cannot be written ({error.strerror}). Free some room and try again.") from error


def load_predictions(path: Path) -> pd.DataFrame:
    """Return a saved predictions table.

    Raises:
        RunError: it is not there or cannot be read.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read. The run may have ended before its evaluation; evaluate it again with: "
            f"python -m finsent evaluate {path.parent.parent.name}"
        ) from error


def baseline_key(model_hash: str, compute_dtype: str, rows: pd.DataFrame) -> str:
    """Return the key under which baseline predictions are shared: a hash of model, arithmetic, rows and prompts."""
    digest = hashlib.sha256(f"{model_hash}\n{compute_dtype}\n".encode())
    told = rows.reindex(columns=[*ROW_COLUMNS, "prompt"]).astype(str)
    digest.update(pd.util.hash_pandas_object(told, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:32]
