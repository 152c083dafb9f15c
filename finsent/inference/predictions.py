"""Predictions: one row per scored text, in a table that is saved beside the run and shared where it can be.

Columns: ``row_id, text, label`` (gold), ``answers, source, topic, split``, ``logp_<label>`` for the five labels,
``predicted``, ``confidence`` (the predicted label's probability within the answer set), and ``generated`` and
``generated_label``, which are empty unless the model was asked to write its answer.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finsent.data.parquet import check_parquet
from finsent.data.schema import ANSWERED, JUDGED, LOGP, TRAINED, fault, names
from finsent.distributed import in_shares
from finsent.errors import DamagedFileError, RunError, first_line
from finsent.files import replacing
from finsent.inference.scoring import Report, score_labels
from finsent.labels import FIVE_LABELS, INVALID, split_answers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from finsent.inference.prefix import Model

#: The two models of a run, in the order of tables and pairs.
MODELS = ("baseline", "tuned")
ROW_COLUMNS = names(JUDGED)
LOGP_COLUMNS = names(LOGP)


def predict(
    model: "Model",
    tokenizer: "PreTrainedTokenizerBase",
    rows: pd.DataFrame,
    report: Report | None = None,
) -> pd.DataFrame:
    """Return the predictions table of a data table's rows, in their order; the processes of a run share the work.

    ``report(done, total)`` is called as the work goes on, and may raise to stop it.
    """

    def score(share: pd.DataFrame) -> pd.DataFrame:
        return score_labels(model, tokenizer, share, report)

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
    shares: np.ndarray = weights / np.nansum(weights, axis=1, keepdims=True)
    return shares


def save_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write a predictions table by renaming a finished parquet file into place.

    Raises:
        FolderGoneError: the run folder is not there any more.
        DiskFullError: there is no room; nothing half-written is left.
    """
    with replacing(path) as scratch:
        # The run folder itself is never made again: the run may have been deleted meanwhile.
        path.parent.mkdir(exist_ok=True)
        table.to_parquet(scratch, index=False)


def load_predictions(path: Path) -> pd.DataFrame:
    """Return a saved predictions table.

    Raises:
        RunError: it is not there.
        DamagedFileError: it cannot be read, or is no predictions table.
    """
    table = _read(path)
    why = fault((*JUDGED, *LOGP, *ANSWERED), table) or _unfit_rows(table) or _unfit_answers(table)
    if why:
        raise _damaged(path, why)
    return table


def keep_step(table: pd.DataFrame, step: int, path: Path) -> None:
    """Add the predictions table of an evaluation to those of the steps before it, with the column ``step``.

    What the file says of this step and of later ones gives way: a run that is resumed comes to them again. Raises as
    :func:`save_predictions`.
    """
    new = table.assign(step=step)
    if path.is_file():
        before = load_steps(path)
        new = pd.concat([before[before["step"] < step], new], ignore_index=True)
    save_predictions(new, path)


def load_steps(path: Path) -> pd.DataFrame:
    """Return the predictions of every evaluation that :func:`keep_step` kept; raises as :func:`load_predictions`."""
    table = _read(path)
    why = fault((*JUDGED, *LOGP, *ANSWERED), table) or _unfit_steps(table) or _unfit_answers(table)
    if why:
        raise _damaged(path, why)
    return table


def load_trained(path: Path) -> pd.DataFrame:
    """Return the saved table of the rows that a run was trained on; raises as :func:`load_predictions`."""
    table = _read(path)
    why = fault(TRAINED, table) or _unfit_rows(table)
    if why:
        raise _damaged(path, why)
    return table


def _read(path: Path) -> pd.DataFrame:
    if not os.path.lexists(path):
        raise RunError(
            f"{path} is not there. The run may have ended before its evaluation; evaluate it again with: "
            f"python -m finsent evaluate {_run_name(path)}"
        )
    if not path.is_file():
        # A pipe would be waited for, for ever.
        raise _damaged(path, "it is no file")
    try:
        # Its content, since pandas and pyarrow find meanings in paths.
        with path.open("rb") as content:
            check_parquet(content, path.name)
            return pd.read_parquet(content)
    except MemoryError:
        raise
    except Exception as error:
        # pandas and pyarrow let errors of many classes through, which share no base class but this.
        raise _damaged(path, f"it cannot be read ({first_line(error)})") from error


def _unfit_steps(table: pd.DataFrame) -> str:
    """Return in words why a table is not that of several evaluations, "" where it is."""
    if "step" not in table or not pd.api.types.is_integer_dtype(table["step"]):
        return "its column step does not hold whole numbers"
    return next((why for _, rows in table.groupby("step") if (why := _unfit_rows(rows))), "")


def _unfit_rows(table: pd.DataFrame) -> str:
    """Return in words why the rows of a table cannot be those of a run, "" where they can."""
    if table.empty:
        return "it has no rows"
    if table["row_id"].duplicated().any():
        return f"the row {table.loc[table['row_id'].duplicated(), 'row_id'].iloc[0][:40]} stands in it twice"
    set_of_row, sets = pd.factorize(table["answers"])
    allowed = [split_answers(cell) for cell in sets]
    if not all(set(answers) <= set(FIVE_LABELS) and len(answers) > 1 for answers in allowed):
        return "its column answers holds what is no answer set"
    label_of_row, labels = pd.factorize(table["label"])
    fits = np.array([[label in answers for label in labels] for answers in allowed])
    if not fits[set_of_row, label_of_row].all():
        return "its column label holds what is no label of its row"
    return ""


def _unfit_answers(table: pd.DataFrame) -> str:
    """Return in words why what a model answered cannot be read, "" where it can."""
    if not set(table["predicted"].unique()) <= {*FIVE_LABELS, INVALID}:
        return "its column predicted holds what is no label"
    if not table["confidence"].dropna().between(0, 1 + 1e-6).all():
        return "its column confidence holds what is no probability"
    set_of_row, sets = pd.factorize(table["answers"])
    needed = np.array([[label in split_answers(cell) for label in FIVE_LABELS] for cell in sets])
    if (table[LOGP_COLUMNS].isna().to_numpy() & needed[set_of_row]).any():
        return "an answer of its rows has no log-probability"
    return ""


def _damaged(path: Path, why: str) -> DamagedFileError:
    remedy = f"and make it anew with: python -m finsent evaluate {_run_name(path)}"
    if path.stem == "training_rows":
        remedy = "and what rests on training rows is left out"
    elif path.stem == "validation":
        remedy = "and each row's story is left out"
    elif path.parent.name.startswith("on-"):
        remedy = "and judge the run on these rows again"
    return DamagedFileError(path, why, f"Delete it, {remedy}.")


def _run_name(path: Path) -> str:
    """Return the name of the run folder that a file of predictions is in."""
    return path.parent.parent.parent.name if path.parent.name.startswith("on-") else path.parent.parent.name


def baseline_key(model_hash: str, compute_dtype: str, rows: pd.DataFrame) -> str:
    """Return the key under which baseline predictions are shared: a hash of model, arithmetic, rows and prompts."""
    digest = hashlib.sha256(f"{model_hash}\n{compute_dtype}\n".encode())
    told = rows.reindex(columns=[*ROW_COLUMNS, "prompt"]).astype(str)
    digest.update(pd.util.hash_pandas_object(told, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:32]
