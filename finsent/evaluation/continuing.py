"""Continue a run: a new one that starts from its adapter, on corrected rows or on a repair set and replayed rows."""

import io
from typing import Any

import pandas as pd

from finsent.data.corrections import apply_corrections
from finsent.data.dataset import sample_rows, validate
from finsent.data.prepared import Prepared, prepare
from finsent.data.schema import VALIDATED, names
from finsent.data.sujet import to_sujet
from finsent.data.twins import normalise
from finsent.errors import AdapterError, ContinueError, RepairError, RunChangedError
from finsent.evaluation.repair import SYNTHETIC
from finsent.models.adapter import CONFIG_FILE, NOTE_FILE, WEIGHTS_FILE
from finsent.recipe import Recipe, change_recipe
from finsent.runs.base_model import unchanged_base
from finsent.runs.beginning import ADAPTER_DIR, CORRECTIONS_FILE, TRAINING_FILE, Beginning, content_hash
from finsent.runs.corrections import CorrectionSet
from finsent.runs.origin import Origin, UsedCorrections, UsedRepair
from finsent.runs.queue import submit
from finsent.runs.store import Run

#: So many ordinary training rows go with each row of a repair set, so that what was learnt is not forgotten.
REPLAY = 3
MOST_REPLAY = 20
#: What a run and the one that continues it share: the adapter's shape, and the rows that judge both.
SHARED = ("model", "lora_rank", "lora_alpha", "target_modules", "source", "split", "split_seed", "test_rows")


def check_child(parent: Run, recipe: Recipe) -> None:
    """Refuse a recipe that cannot continue a run.

    Raises:
        ContinueError: the run has no adapter, or a setting differs that both must share.
        RunChangedError: the base model is not what it was.
    """
    if not parent.has_adapter:
        raise ContinueError(f"Run {parent.id} is {parent.state} and has no adapter to start from. Choose one with it.")
    for name in SHARED:
        mine, its = getattr(recipe, name), getattr(parent.recipe, name)
        same = set(mine) == set(its) if name == "target_modules" else mine == its
        if not same:
            raise ContinueError(
                f"A run that continues {parent.id} needs its {name} ({its}), not {mine}: the adapter must fit, and the "
                "same test rows judge both. Leave it as it is, or train from the base model."
            )
    unchanged_base(parent)


def beginning(
    data: Prepared,
    parent: Run | None = None,
    corrections: CorrectionSet | None = None,
    repair: pd.DataFrame | None = None,
    replay: int = REPLAY,
    seed: int = 42,
) -> Beginning:
    """Return what a new run begins with: a run's adapter, corrected labels, a repair set with replayed rows.

    ``data`` are its recipe's data. ``repair`` has the columns of :data:`finsent.data.schema.VALIDATED`; rows of these
    data in it (same row id) keep their prompt, and ``replay`` ordinary training rows go with each row of it.

    Raises:
        ContinueError: there is nothing to begin with.
        RunChangedError: the data are not those that the parent was trained and judged on.
        AdapterError: the parent's adapter cannot be read.
        RepairError: the repair set holds a test text, or labels that disagree with the data.
    """
    if parent is None and corrections is None:
        raise ContinueError("There is no run to continue and nothing is corrected. Give a run, or corrections.")
    if parent is not None and parent.source_hash != data.source_hash:
        raise RunChangedError(
            f"The data of run {parent.id} have changed since, so that other rows would judge the run that continues "
            "it. Put the file back as it was, or train from the base model."
        )
    origin, files = Origin(), {}
    if parent is not None:
        adapter = _adapter_files(parent)
        files = {f"{ADAPTER_DIR}/{name}": content for name, content in adapter.items()}
        origin.parent, origin.adapter_sha256 = parent.id, content_hash(adapter[WEIGHTS_FILE])
    if corrections is not None:
        files[CORRECTIONS_FILE] = corrections.content
        origin.corrections = UsedCorrections(
            version=corrections.version, sha256=corrections.sha256, **corrections.counts
        )
    if repair is not None:
        train, validation = data.train, data.validation
        if corrections is not None:
            train, validation = (apply_corrections(rows, corrections.rows) for rows in (train, validation))
        rows = _in_data(repair, pd.concat([train, validation], ignore_index=True), data.test)
        replayed = _replayed(train, rows, replay, seed)
        content = _as_parquet(pd.concat([rows, replayed], ignore_index=True))
        files[TRAINING_FILE] = content
        synthetic = int(rows["source"].str.startswith(SYNTHETIC).sum())
        origin.repair = UsedRepair(
            rows=len(rows), synthetic=synthetic, replayed=len(replayed), sha256=content_hash(content)
        )
    return Beginning(origin, files)


def continue_run(
    parent: Run,
    changes: dict[str, Any],
    corrections: CorrectionSet | None = None,
    repair: pd.DataFrame | None = None,
    replay: int = REPLAY,
    name: str = "",
) -> Run:
    """Launch a run that continues another one, or let it wait for its turn; return it.

    ``changes`` are settings other than the parent's; ``repair`` has ``text, label, family, row_id`` and perhaps
    ``dataset``, as :func:`finsent.evaluation.repair.repair_set` returns it. Raises what :func:`check_child`,
    :func:`beginning` and :func:`finsent.runs.queue.submit` do.
    """
    recipe = change_recipe(parent.recipe, changes)
    check_child(parent, recipe)
    data = prepare(recipe)
    rows = None if repair is None else validate(to_sujet(repair, "repair set"), "The repair set")
    begun = beginning(data, parent, corrections, rows, replay, recipe.seed)
    return submit(recipe, parent.folder.parent, name, prepared=begun.prepared(data), beginning=begun)


def _adapter_files(parent: Run) -> dict[str, bytes]:
    try:
        return {name: (parent.adapter_dir / name).read_bytes() for name in (CONFIG_FILE, WEIGHTS_FILE, NOTE_FILE)}
    except OSError as error:
        raise AdapterError(
            f"The adapter of run {parent.id} cannot be read ({error.strerror}). Choose another run."
        ) from error


def _in_data(repair: pd.DataFrame, rows: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return a repair set's rows, those that the data hold as they are there; refuse what must not be trained on."""
    seen = normalise(repair["text"]).isin(set(normalise(test["text"])))
    if seen.any():
        raise RepairError(
            f"{int(seen.sum()):,} of the {len(repair):,} rows of the repair set hold a text of the test split, the "
            f"first is “{repair.loc[seen, 'text'].iloc[0][:80]}”. A model that has seen them cannot be judged on them: "
            "take them out."
        )
    own = rows.set_index("row_id", drop=False)
    same = repair["row_id"].map(own["text"]).eq(repair["text"].str.removeprefix("'")) & ~repair["row_id"].duplicated()
    said, is_now = repair.loc[same, "label"], repair.loc[same, "row_id"].map(own["label"])
    other = said[said != is_now]
    if len(other):
        first = repair.loc[other.index[0]]
        raise RepairError(
            f"{len(other):,} rows of the repair set have another label than the data, the first is row "
            f"{first['row_id']} ({first['label']}, and {is_now.loc[other.index[0]]} in the data). Give the corrections "
            "that it was made with, or make it anew."
        )
    found = own.loc[repair.loc[same, "row_id"], names(VALIDATED)]
    others = repair.loc[~same, names(VALIDATED)]
    others = others.assign(row_id=[f"repair-{number}" for number in range(1, len(others) + 1)])
    return pd.concat([found, others], ignore_index=True)


def _replayed(train: pd.DataFrame, repair: pd.DataFrame, replay: int, seed: int) -> pd.DataFrame:
    ordinary = train[~train["row_id"].isin(repair["row_id"])]
    return sample_rows(ordinary, replay * len(repair), seed)[names(VALIDATED)]


def _as_parquet(rows: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    rows.assign(split="train").to_parquet(stream, index=False)
    return stream.getvalue()
