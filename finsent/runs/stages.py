"""The stages of a run, one after another: preparing, baseline, training, evaluating; all written into its folder."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finsent.data.prepared import Prepared
from finsent.data.schema import TRAINED, names
from finsent.distributed import agreed, is_main, join, total
from finsent.errors import RunStopped
from finsent.files import remove
from finsent.inference.predictions import baseline_key, keep_step, load_predictions, predict, save_predictions
from finsent.machine import peak_memory
from finsent.metrics.classification import compare_predictions, on_test_split
from finsent.models.adapter import load_adapter, start_from
from finsent.models.base import ModelSource, compute_device, load_base, model_folder, resolve_dtype, resolve_model
from finsent.runs.adapter_export import save_adapter
from finsent.runs.averaged import make_averaged_adapter
from finsent.runs.base_model import unchanged_base
from finsent.runs.baselines import read_shared, shared_file
from finsent.runs.beginning import start_adapter
from finsent.runs.checkpoints import last_whole_checkpoint
from finsent.runs.failures import set_room_aside
from finsent.runs.history import save_comparison
from finsent.runs.progress import record, reporter, say
from finsent.runs.record import NOTHING_LEARNED
from finsent.runs.removed import check_can_go_on
from finsent.runs.rows import prepare_again
from finsent.runs.sharing import asked_for_core
from finsent.runs.store import Progress, Run, RunState, stop_requested

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from finsent.inference.prefix import Model
    from finsent.training.trainer import PackedTrainer

_NOTHING_LEARNED = (
    f"{NOTHING_LEARNED}: every B matrix of its adapter is still zero, so the fine-tuned model answers exactly as "
    "the baseline does. Train on more rows, for more epochs, or with a higher learning_rate."
)
_NOTHING_ADDED = (
    f"{NOTHING_LEARNED}: its adapter is still the one that it started from, so it answers exactly as its parent "
    "does. Train on more rows, for more epochs, or with a higher learning_rate."
)


def carry_out(run: Run) -> None:
    """Prepare, score the baseline, train or average, score the tuned model, and write the comparison.

    Raises:
        RunStopped: somebody asked for it; what was finished is saved.
        FinsentError: the run cannot go on, in words.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()
    check_can_go_on(run)
    if is_main():
        set_room_aside(run.folder)
    join(run.recipe.processes)
    run, prepared, source = _prepare(_settle_dtype(run))
    model, tokenizer = load_base(run.recipe.model, run.settled_recipe.compute_dtype)
    say("Model: %s on %s, %s", source.title, model.device, model.dtype)
    baseline = _baseline(run, model, tokenizer, prepared.judged)
    with asked_for_core(run.asked_file) as asked:
        tuned = _average(run, model) if run.averaged else _train(run, model, tokenizer, prepared, asked).tuned
        _evaluate(run, tuned, tokenizer, prepared.judged, baseline)


def _settle_dtype(run: Run) -> Run:
    """Return the run with the number format that all its processes, and it when it is resumed, compute in."""
    if run.compute_dtype:
        return run
    dtype = str(resolve_dtype(run.recipe.compute_dtype, compute_device())).removeprefix("torch.")
    # Each process has measured by itself, and the first one's result counts.
    return record(run, compute_dtype="bfloat16" if agreed(dtype == "bfloat16") else "float32")


def _prepare(run: Run) -> tuple[Run, Prepared, ModelSource]:
    prepared = prepare_again(run)
    # Fetched first: the commit of the hub's files is known once they are here.
    model_folder(resolve_model(run.recipe.model))
    source, base_hash = unchanged_base(run)
    run = record(
        run,
        splits=prepared.counts,
        source_title=prepared.title,
        source_hash=prepared.source_hash,
        model_title=source.title,
        model_hash=base_hash,
    )
    say("Data: %s, %s", prepared.title, prepared.counts)
    for note in prepared.data.notes:
        say("%s", note)
    _save(prepared.train[names(TRAINED)], run.predictions_file("training_rows"))
    return run, prepared, source


def _baseline(
    run: Run, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame
) -> pd.DataFrame:
    record(run, state=RunState.BASELINE, progress=None)
    key = baseline_key(run.model_hash, str(model.dtype), rows)
    # Written down before it is used, so that no deletion of another run takes it for unused.
    record(run, baseline_key=key)
    shared = shared_file(run.folder.parent, key)
    kept, problem = read_shared(shared, rows)
    if problem:
        say("Baseline: the shared one is not used, since %s; it is made anew", problem)
        if is_main():
            remove(shared)
    if agreed(kept is not None):
        say("Baseline: the same rows were scored before; taken from there")
        baseline = load_predictions(shared) if kept is None else kept
    else:
        baseline = _predict(run, model, tokenizer, rows)
        _save(baseline, shared)
    _save(baseline, run.predictions_file("baseline"))
    return baseline


def _train(
    run: Run,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prepared: Prepared,
    asked: Callable[[], bool],
) -> "PackedTrainer":
    from finsent.training.snapshots import give_mean
    from finsent.training.trainer import learned_nothing, make_trainer, snapshots_dir

    folder = run.folder
    record(run, state=RunState.TRAINING, progress=None)
    report = reporter(run, "steps")
    stopping = False

    def at_step(step: int, steps: int) -> bool:
        nonlocal stopping
        report(step, steps)
        stopping = agreed(stop_requested(folder))
        return stopping

    def at_evaluation(step: int, answers: pd.DataFrame) -> None:
        if is_main():
            keep_step(answers, step, run.predictions_file("validation"))

    trainer = make_trainer(
        model, tokenizer, run.settled_recipe, prepared.train, prepared.validation, folder, at_step, at_evaluation
    )
    began_with = _start_adapter(run, trainer)
    say("Warm-up: %d steps (asked for: %d)", trainer.args.warmup_steps, run.recipe.warmup_steps)
    checkpoint = _checkpoint(run)
    started = time.perf_counter()
    trainer.share_threads(asked)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if run.recipe.checkpoint == "averaged":
        trainer.accelerator.wait_for_everyone()
        give_mean(trainer.tuned, snapshots_dir(folder), trainer.state)
    if is_main():
        save_adapter(trainer.tuned, run)
    words = _NOTHING_LEARNED if began_with is None else _NOTHING_ADDED
    warning = words if learned_nothing(trainer.tuned, began_with) else None
    if warning:
        say(warning)
    _record_training(run, trainer, time.perf_counter() - started, warning)
    if stopping and trainer.state.global_step < trainer.state.max_steps:
        raise RunStopped(_stopped_words(run, trainer))
    return trainer


def _average(run: Run, model: "PreTrainedModel") -> "Model":
    """Give the model the mean of the adapters that the run averages, in place of training one."""
    say("Averaging the adapters of %s", ", ".join(run.averaged))
    folder = make_averaged_adapter(run)
    load_adapter(model, folder, run.model_hash)
    record(run, measured={"averaged_adapters": len(run.averaged)})
    return model


def _start_adapter(run: Run, trainer: "PackedTrainer") -> dict[str, "Tensor"] | None:
    """Let a run that continues another one start from its adapter; return the matrices that it starts from."""
    from finsent.training.trainer import lora_matrices

    folder = start_adapter(run.origin, run.folder)
    if folder is None:
        return None
    start_from(trainer.tuned, folder, run.model_hash)
    say("Starting from the adapter of run %s", run.parent)
    return lora_matrices(trainer.tuned)


def _checkpoint(run: Run) -> Path | None:
    """Return the checkpoint that the training goes on from, if there is one, and say so."""
    checkpoint, problems = last_whole_checkpoint(run.checkpoints_dir)
    for problem in problems:
        say(problem)
    if checkpoint is not None:
        say("Going on from %s", checkpoint.name)
    return checkpoint


def _record_training(run: Run, trainer: "PackedTrainer", seconds: float, warning: str | None) -> None:
    steps = trainer.state.global_step
    record(
        run,
        warning=warning,
        steps=steps,
        progress=Progress(done=steps, total=trainer.state.max_steps, unit="steps"),
        measured={
            "training_seconds": seconds,
            "packed_tokens": total(trainer.packed_tokens),
            "row_tokens": total(trainer.row_tokens),
            "peak_memory_bytes": total(peak_memory()),
            "best_step": trainer.state.best_global_step,
            "warmup_steps": trainer.args.warmup_steps,
        },
    )


def _stopped_words(run: Run, trainer: "PackedTrainer") -> str:
    state, kept = trainer.state, "The adapter up to there is saved and can classify."
    if run.recipe.checkpoint == "best" and state.best_global_step:
        kept = f"The adapter of step {state.best_global_step}, the best until then, is saved and can classify."
    return f"Stopped at step {state.global_step} of {state.max_steps}. {kept}"


def _evaluate(
    run: Run, model: "Model", tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame, baseline: pd.DataFrame
) -> None:
    record(run, state=RunState.EVALUATING, progress=None)
    tuned = _predict(run, model, tokenizer, rows)
    _save(tuned, run.predictions_file("tuned"))
    comparison = compare_predictions(on_test_split(baseline), on_test_split(tuned))
    if is_main():
        save_comparison(run, comparison)
    say(
        "Accuracy on %d test rows: %.3f before, %.3f after",
        comparison.n,
        comparison.baseline.accuracy,
        comparison.tuned.accuracy,
    )


def _predict(run: Run, model: "Model", tokenizer: "PreTrainedTokenizerBase", rows: pd.DataFrame) -> pd.DataFrame:
    report = reporter(run, "rows")

    def at_batch(done: int, of: int) -> None:
        report(done, of)
        if stop_requested(run.folder):
            raise RunStopped(f"Stopped while scoring, after {done} of {of} rows.")

    return predict(model, tokenizer, rows, at_batch)


def _save(table: pd.DataFrame, path: Path) -> None:
    if is_main():
        save_predictions(table, path)
