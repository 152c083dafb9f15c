"""The speed of this machine on a recipe: from a finished run's record, or from a short calibration.

A calibration trains a few steps and scores a few rows of the recipe's own data with its own settings, in a process
of its own, and is kept beside the runs. ``python -m finsent.cost.speed RECIPE.json SPEED.json CORES`` is that process.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import psutil
from pydantic import BaseModel, ValidationError

from finsent.data.dataset import sample_rows
from finsent.data.prepared import prepare
from finsent.distributed import is_main, join, leave, run_module, total
from finsent.errors import FinsentError, WorkerStartError
from finsent.files import write_atomically
from finsent.inference.predictions import predict
from finsent.machine import hardware, peak_memory, usable_cores
from finsent.models.base import load_base, model_hash, resolve_model
from finsent.recipe import BARE_STEPS, Recipe, change_recipe
from finsent.runs.cores import claim_cores, free_cores
from finsent.runs.curves import curve, read_curves
from finsent.runs.reach import settle
from finsent.runs.store import Run, RunState

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Settings that decide how long a row takes and how much memory it needs.
SPEED_FIELDS = (
    "model",
    "source",
    "loss",
    "target_modules",
    "lora_rank",
    "lora_dropout",
    "batch_size",
    "max_length",
    "compute_dtype",
    "gradient_checkpointing",
    "processes",
)
_WARM_UP_STEPS = 2
_STEPS = 8
_SCORED_ROWS = 64
_TIME_LIMIT_SECONDS = 900


class Speed(BaseModel):
    """Seconds: once for preparation, for a training row, a row scored, a row of an evaluation on the validation sample.

    ``basis`` says in words where they were measured; ``peak_memory_bytes`` is of the whole process. ``beside_run`` says
    that another run had some or all of the cores meanwhile, so that a run alone is faster.
    """

    basis: str
    preparing: float
    train_row: float
    score_row: float
    validation_row: float
    peak_memory_bytes: int | None = None
    beside_run: bool = False


def measured_speed(run: Run) -> Speed | None:
    """Return the speed that a finished run measured, or None where its record does not tell."""
    stations = [run.entered.get(state) for state in (RunState.PREPARING, RunState.BASELINE, RunState.TRAINING)]
    stations += [run.entered.get(RunState.EVALUATING), run.ended]
    began = [station.timestamp() for station in stations if station is not None]
    if run.state != RunState.DONE or len(began) < len(stations) or not run.splits:
        return None
    preparing, _, training, evaluating = np.diff(began)
    curves = read_curves(run.folder)
    # Of a run that was resumed, the last session alone was timed.
    curves = curves[curves["wall_time"] >= began[2]]
    points, evaluations = curve(curves, "train/loss"), len(curve(curves, "eval/loss"))
    if len(points) < 2 or not evaluations:
        return None
    # Of the intervals between logged steps, those with an evaluation are the long ones.
    step_seconds = float(np.median(np.diff(points["wall_time"]) / np.diff(points["step"])))
    steps = int(points["step"].iloc[-1] - points["step"].iloc[0]) + 1
    return Speed(
        basis=f"run {run.id}",
        preparing=preparing,
        train_row=step_seconds / (run.recipe.batch_size * run.recipe.gradient_accumulation),
        score_row=evaluating / (run.splits["validation"] + run.splits["test"]),
        validation_row=max(0.0, training - step_seconds * steps) / (evaluations * run.splits["validation"]),
        peak_memory_bytes=run.measured.get("peak_memory_bytes"),
    )


def calibrate(recipe: Recipe, runs_dir: Path) -> Speed:
    """Measure the speed of a recipe on this machine in a process of its own, keep it, and return it.

    Takes about half a minute for the embedded model on two CPU cores. It should have the machine for itself: beside a
    run it takes the cores that are left, and what it finds says so and replaces nothing that was measured alone.

    Raises:
        FinsentError: the data or the model are not there, or the measurement failed; in one sentence.
    """
    recipe = settle(recipe)
    free = claim_cores([runs_dir])
    with tempfile.TemporaryDirectory(prefix="finsent-speed-") as scratch:
        settings, result = Path(scratch) / "recipe.json", Path(scratch) / "speed.json"
        settings.write_text(recipe.model_dump_json(), encoding="utf-8")
        arguments = (str(settings), str(result), str(free.threads))
        try:
            answer = run_module(
                "finsent.cost.speed", *arguments, processes=recipe.processes, seconds=_TIME_LIMIT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WorkerStartError(f"The speed could not be measured ({error}). Launch without an estimate.") from error
        if answer.returncode != 0:
            last = (answer.stderr.strip() or "it ended without a word").splitlines()[-1]
            raise FinsentError(f"The speed could not be measured: {last}")
        speed = Speed.model_validate_json(result.read_text(encoding="utf-8"))
    # A run that began meanwhile was in the way as well.
    if free.words or free_cores([runs_dir]).words:
        words = f"a calibration beside a run, on {free.threads} of {usable_cores()} cores,"
        speed = speed.model_copy(update={"basis": words, "beside_run": True})
    before = kept_calibration(recipe, runs_dir)
    if before is None or before.beside_run or not speed.beside_run:
        _keep(speed, _calibration_file(recipe, runs_dir))
    return speed


def kept_calibration(recipe: Recipe, runs_dir: Path) -> Speed | None:
    """Return what :func:`calibrate` measured for these settings on this machine, or None."""
    try:
        return Speed.model_validate_json(_calibration_file(recipe, runs_dir).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def _keep(speed: Speed, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, speed.model_dump_json(indent=2))


def _calibration_file(recipe: Recipe, runs_dir: Path) -> Path:
    decisive = recipe.model_dump(include=set(SPEED_FIELDS)) | {"hardware": hardware()}
    for field, named in (("source", ("embedded", "hub")), ("model", ("embedded", "qwen3-0.6b"))):
        if decisive[field] not in named:
            decisive[field] = str(Path(decisive[field]).expanduser().resolve())
    key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:24]
    return runs_dir / ".speed" / f"{key}.json"


def _measure(recipe: Recipe, scratch: Path, cores: int) -> Speed:
    """Do what a run does, in small, and time it; ``scratch`` is an empty folder, and its processes share ``cores``."""
    from finsent.training.trainer import make_trainer

    join(recipe.processes, cores)
    prepared = prepare(recipe)
    model_hash(resolve_model(recipe.model))
    model, tokenizer = load_base(recipe.model, recipe.compute_dtype)
    preparing = time.time() - psutil.Process().create_time()

    step_ends: list[float] = []

    def at_step(step: int, total: int) -> bool:
        step_ends.append(time.perf_counter())
        return len(step_ends) >= _WARM_UP_STEPS + _STEPS

    count = (_WARM_UP_STEPS + _STEPS) * recipe.batch_size * recipe.gradient_accumulation
    # Without the checks between steps, evaluations and checkpoints; these are timed on their own.
    alone = change_recipe(recipe, BARE_STEPS | {"epochs": 100.0})
    sample = sample_rows(prepared.train, min(count, len(prepared.train)), recipe.seed)
    watched = sample_rows(prepared.validation, min(_SCORED_ROWS, len(prepared.validation)), recipe.seed)
    trainer = make_trainer(model, tokenizer, alone, sample, watched, scratch, at_step)
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    trainer.train()
    step_seconds = float(np.median(np.diff(step_ends[_WARM_UP_STEPS - 1 :])))
    began = time.perf_counter()
    trainer.evaluate()
    validation_row = (time.perf_counter() - began) / len(watched)
    judged = sample_rows(prepared.judged, min(_SCORED_ROWS, len(prepared.judged)), recipe.seed)
    began = time.perf_counter()
    predict(cast("PreTrainedModel", trainer.model), tokenizer, judged)
    return Speed(
        basis="a calibration",
        preparing=preparing,
        train_row=step_seconds / (recipe.batch_size * recipe.gradient_accumulation),
        score_row=(time.perf_counter() - began) / len(judged),
        validation_row=validation_row,
        peak_memory_bytes=total(peak_memory()),
    )


def _main(settings: Path, result: Path, cores: int) -> int:
    recipe = Recipe.model_validate_json(settings.read_text(encoding="utf-8"))
    try:
        with tempfile.TemporaryDirectory(prefix="finsent-speed-") as scratch:
            speed = _measure(recipe, Path(scratch), cores)
    except FinsentError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        leave()
    if is_main():
        write_atomically(result, speed.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
