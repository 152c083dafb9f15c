"""The process behind a run: baseline, training, evaluation, all written into the run folder.

Started by :mod:`finsent.launcher` as ``python -m finsent.worker RUN_FOLDER``; its output is the run's log. It owns
the run's state from ``preparing`` to the end, looks for a request to stop between steps and between batches, and
ends every failure in one sentence in ``run.json`` with the traceback in the log.
"""

import importlib.metadata
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from finsent.errors import RunChangedError, RunStopped
from finsent.failures import give_room_back, in_words, set_room_aside
from finsent.launcher import start_next
from finsent.parallel import agreed, is_main, join, leave, total, under_torchrun
from finsent.recipes import Attention
from finsent.runs import Progress, Run, RunState, read_run, stop_requested, update_run, write_atomically
from finsent.world import hardware

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets", "safetensors")
_SECONDS_BETWEEN_REPORTS = 0.5
log = logging.getLogger("finsent.worker")


def main(folder: Path) -> int:
    """Carry out the run in a folder and return the process's exit code: 0 done or stopped, 1 failed."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    run = read_run(folder)
    # Of several processes, torchrun lives as long as the run does.
    process = psutil.Process().parent() if under_torchrun() else psutil.Process()
    run = _record(
        run,
        state=RunState.PREPARING,
        pid=process.pid,
        pid_created=process.create_time(),
        started=run.started or datetime.now(UTC),
        resumed=datetime.now(UTC) if run.started else None,
        ended=None,
        error=None,
        versions={"python": sys.version.split()[0]} | {name: importlib.metadata.version(name) for name in PACKAGES},
        hardware=hardware(),
    )
    _say("Run %s, recipe %s", run.id, run.recipe.model_dump_json())
    try:
        carry_out(run)
    except RunStopped as stopped:
        _finish(run, RunState.STOPPED, str(stopped))
        return 0
    except Exception as error:
        _fail(run, error)
        return 1
    finally:
        leave()
        if is_main():
            give_room_back(folder)
    _finish(run, RunState.DONE, None)
    return 0


def carry_out(run: Run) -> None:
    """Prepare, score the baseline, train, score the tuned model, and write the comparison.

    Raises:
        RunStopped: somebody asked for it; what was finished is saved.
        FinsentError: the run cannot go on, in words.
    """
    import transformers

    from finsent.metrics import compare_predictions, on_test_split
    from finsent.models import load_base, model_hash, resolve_model
    from finsent.rows import rows_of_run

    transformers.utils.logging.disable_progress_bar()
    folder = run.folder
    if is_main():
        set_room_aside(folder)
    join(run.recipe.processes)
    run = _settle_dtype(run)
    recipe = run.settled_recipe
    rows = rows_of_run(run)
    source = resolve_model(recipe.model)
    base_hash = model_hash(source)
    if run.model_hash and run.model_hash != base_hash:
        raise RunChangedError(
            f"The base model of run {run.id} ({source.title}) has changed since it began. Put its files back as they "
            "were, or launch a new run: duplicate this one."
        )
    run = _record(
        run,
        splits=rows.counts,
        source_title=rows.data.title,
        source_hash=rows.data.fingerprint,
        model_title=source.title,
        model_hash=base_hash,
    )
    _say("Data: %s, %s", rows.data.title, rows.counts)
    _save(rows.train[["row_id", "text", "label", "answers"]], folder / "predictions" / "training_rows.parquet")
    model, tokenizer = load_base(recipe.model, recipe.compute_dtype)
    _say("Model: %s on %s, %s", source.title, model.device, model.dtype)

    baseline = _baseline(run, model, tokenizer, rows.judged)
    trainer = _train(run, model, tokenizer, rows)
    _record(run, state=RunState.EVALUATING, progress=None)
    tuned = _predict(run, trainer.model, tokenizer, rows.judged, recipe.attention)
    _save(tuned, run.predictions_file("tuned"))
    comparison = compare_predictions(on_test_split(baseline), on_test_split(tuned))
    if is_main():
        write_atomically(run.evaluation_file, json.dumps(comparison, indent=2))
    _say(
        "Accuracy on %d test rows: %.3f before, %.3f after",
        comparison["n"],
        comparison["baseline"]["accuracy"],
        comparison["tuned"]["accuracy"],
    )


def _settle_dtype(run: Run) -> Run:
    """Return the run with the number format that all its processes, and it when it is resumed, compute in."""
    from finsent.models import compute_device, resolve_dtype

    if run.compute_dtype:
        return run
    dtype = str(resolve_dtype(run.recipe.compute_dtype, compute_device())).removeprefix("torch.")
    # Each process has measured by itself, and the first one's result counts.
    return _record(run, compute_dtype="bfloat16" if agreed(dtype == "bfloat16") else "float32")


def _baseline(run: Run, model: Any, tokenizer: Any, rows: Any) -> Any:
    from finsent.predictions import baseline_key, load_predictions

    _record(run, state=RunState.BASELINE, progress=None)
    key = baseline_key(run.model_hash, str(model.dtype), rows)
    shared = run.folder.parent / ".baseline" / f"{key}.parquet"
    if agreed(shared.is_file()):
        _say("Baseline: the same rows were scored before; taken from there")
        baseline = load_predictions(shared)
    else:
        baseline = _predict(run, model, tokenizer, rows, "causal")
        _save(baseline, shared)
    _save(baseline, run.predictions_file("baseline"))
    return baseline


def _train(run: Run, model: Any, tokenizer: Any, rows: Any) -> Any:
    from finsent.averaging import give_mean
    from finsent.checkpoints import last_whole_checkpoint
    from finsent.early_stopping import has_ended, take_best
    from finsent.export import save_adapter
    from finsent.training import make_trainer, snapshots_dir

    folder = run.folder
    _record(run, state=RunState.TRAINING, progress=None)
    report = _reporter(run, "steps")
    stopping = False

    def at_step(step: int, steps: int) -> bool:
        nonlocal stopping
        report(step, steps)
        stopping = agreed(stop_requested(folder))
        return stopping

    trainer = make_trainer(model, tokenizer, run.settled_recipe, rows.train, rows.validation, folder, at_step)
    checkpoint, problems = last_whole_checkpoint(run.checkpoints_dir)
    for problem in problems:
        _say(problem)
    if checkpoint is not None:
        _say("Going on from %s", checkpoint.name)
    started = time.perf_counter()
    if checkpoint is not None and has_ended(checkpoint, run.recipe.early_stopping):
        trainer.state = take_best(trainer.model, checkpoint)
    else:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    steps = trainer.state.global_step
    kept = "The adapter up to there is saved and can classify."
    best = trainer.state.best_global_step
    if run.recipe.checkpoint == "best" and best:
        kept = f"The adapter of step {best}, the best until then, is saved and can classify."
    if run.recipe.checkpoint == "averaged":
        trainer.accelerator.wait_for_everyone()
        finished = give_mean(trainer.model, snapshots_dir(folder), trainer.state, run.recipe.soup)
        if finished:
            kept = f"Saved is the mean of the {finished} of {run.recipe.soup} adapters that had all of their steps."
    if is_main():
        save_adapter(trainer.model, run)
    _record(
        run,
        steps=steps,
        progress=Progress(done=steps, total=trainer.state.max_steps, unit="steps"),
        measured={
            "training_seconds": time.perf_counter() - started,
            "packed_tokens": total(trainer.packed_tokens),
            "row_tokens": total(trainer.row_tokens),
            "peak_memory_bytes": total(peak_memory()),
            "best_step": best,
            "ended_early": steps < trainer.state.max_steps and not stopping,
        },
    )
    if stopping and steps < trainer.state.max_steps:
        raise RunStopped(f"Stopped at step {steps} of {trainer.state.max_steps}. {kept}")
    return trainer


def peak_memory() -> int:
    """Return the most memory this process has held, in bytes: the GPU's if it computed, else the resident set."""
    import resource

    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux hands a process the maximum that getrusage knows of its parent, so that a worker would show the app's.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _predict(run: Run, model: Any, tokenizer: Any, rows: Any, attention: Attention) -> Any:
    from finsent.predictions import predict

    report = _reporter(run, "rows")

    def at_batch(done: int, of: int) -> None:
        report(done, of)
        if stop_requested(run.folder):
            raise RunStopped(f"Stopped while scoring, after {done} of {of} rows.")

    return predict(model, tokenizer, rows, at_batch, attention=attention)


def _reporter(run: Run, unit: str) -> Callable[[int, int], None]:
    """Return a function that writes progress into the run, at most twice a second and at the end.

    Where processes share the rows, it is the progress of the first one in its share.
    """
    last = 0.0

    def report(done: int, of: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == of or now - last > _SECONDS_BETWEEN_REPORTS:
            last = now
            steps = {"steps": done} if unit == "steps" else {}
            _record(run, progress=Progress(done=done, total=of, unit=unit), **steps)

    return report


def _record(run: Run, **changes: Any) -> Run:
    """Write into the run's record, if this is the process that may, and return the run with the changes."""
    return update_run(run.folder, **changes) if is_main() else run.model_copy(update=changes)


def _save(table: Any, path: Path) -> None:
    from finsent.predictions import save_predictions

    if is_main():
        save_predictions(table, path)


def _say(words: str, *values: Any) -> None:
    """Write into the log what every process would say alike."""
    if is_main():
        log.info(words, *values)


def _finish(run: Run, state: RunState, error: str | None) -> None:
    _say("%s%s", state, f": {error}" if error else "")
    _record(run, state=state, error=error, ended=datetime.now(UTC))


def _fail(run: Run, error: Exception) -> None:
    """Write down why the run ends. Any process may fail, and the others then fail for want of it."""
    words = str(in_words(error, run.recipe, run.folder))
    give_room_back(run.folder)
    log.info(traceback.format_exc())
    log.info("%s: %s", RunState.FAILED, words)
    if read_run(run.folder).active:
        update_run(run.folder, state=RunState.FAILED, error=words, ended=datetime.now(UTC))


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Deprecations inside the libraries are for their authors, not for whoever reads a run's log.
    warnings.simplefilter("ignore", FutureWarning)
    run_folder = Path(sys.argv[1]).resolve()
    exit_code = main(run_folder)
    # The next in the queue gets its turn even when no app is there to see to it.
    if is_main():
        start_next(run_folder.parent)
    sys.exit(exit_code)
