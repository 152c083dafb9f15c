"""The speed of this machine on a recipe: from a finished run's record, or from a short calibration.

A calibration trains a few steps and scores a few rows of the recipe's own data with its own settings, in a process
of its own, and is kept beside the runs. ``python -m finsent.speed RECIPE.json SPEED.json`` is that process.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from pydantic import BaseModel, ValidationError

from finsent.errors import FinsentError, WorkerStartError
from finsent.launcher import validate_launch
from finsent.parallel import is_main, join, leave, module_command, total
from finsent.recipes import BARE_STEPS, Recipe, change_recipe
from finsent.runs import Run, RunState, write_atomically
from finsent.telemetry import curve, read_curves
from finsent.world import hardware

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
    """Seconds: once for preparation, for a training row, a row scored, a row of a look at the validation sample.

    ``basis`` says in words where they were measured; ``peak_memory_bytes`` is of the whole process.
    """

    basis: str
    preparing: float
    train_row: float
    score_row: float
    validation_row: float
    peak_memory_bytes: int | None = None


def measured_speed(run: Run) -> Speed | None:
    """Return the speed that a finished run measured, or None where its record does not tell."""
    stations = [run.entered.get(state) for state in (RunState.PREPARING, RunState.BASELINE, RunState.TRAINING)]
    stations += [run.entered.get(RunState.EVALUATING), run.ended]
    if run.state != RunState.DONE or None in stations or not run.splits:
        return None
    began = [station.timestamp() for station in stations]
    preparing, _, training, evaluating = np.diff(began)
    curves = read_curves(run.folder)
    # Of a run that was resumed, the last session alone was timed.
    curves = curves[curves["wall_time"] >= began[2]]
    points, looks = curve(curves, "train/loss"), len(curve(curves, "eval/loss"))
    if len(points) < 2 or not looks:
        return None
    # Of the intervals between logged steps, those with a look at the validation sample are the long ones.
    step_seconds = float(np.median(np.diff(points["wall_time"]) / np.diff(points["step"])))
    steps = int(points["step"].iloc[-1] - points["step"].iloc[0]) + 1
    return Speed(
        basis=f"run {run.id}",
        preparing=preparing,
        train_row=step_seconds / (run.recipe.batch_size * run.recipe.gradient_accumulation),
        score_row=evaluating / (run.splits["validation"] + run.splits["test"]),
        validation_row=max(0.0, training - step_seconds * steps) / (looks * run.splits["validation"]),
        peak_memory_bytes=run.measured.get("peak_memory_bytes"),
    )


def calibrate(recipe: Recipe, runs_dir: Path) -> Speed:
    """Measure the speed of a recipe on this machine in a process of its own, keep it, and return it.

    Takes about half a minute for the embedded model on two CPU cores. It should have the machine for itself.

    Raises:
        FinsentError: the data or the model are not there, or the measurement failed; in one sentence.
    """
    recipe = validate_launch(recipe)
    with tempfile.TemporaryDirectory(prefix="finsent-speed-") as scratch:
        settings, result = Path(scratch) / "recipe.json", Path(scratch) / "speed.json"
        settings.write_text(recipe.model_dump_json(), encoding="utf-8")
        command = [*module_command("finsent.speed", recipe.processes), str(settings), str(result)]
        try:
            answer = subprocess.run(
                command,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=_TIME_LIMIT_SECONDS,
                cwd=Path(__file__).parent.parent,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WorkerStartError(f"The speed could not be measured ({error}). Launch without an estimate.") from error
        if answer.returncode != 0:
            last = (answer.stderr.strip() or "it ended without a word").splitlines()[-1]
            raise FinsentError(f"The speed could not be measured: {last}")
        speed = Speed.model_validate_json(result.read_text(encoding="utf-8"))
    file = _calibration_file(recipe, runs_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, speed.model_dump_json(indent=2))
    return speed


def kept_calibration(recipe: Recipe, runs_dir: Path) -> Speed | None:
    """Return what :func:`calibrate` measured for these settings on this machine, or None."""
    try:
        return Speed.model_validate_json(_calibration_file(recipe, runs_dir).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def _calibration_file(recipe: Recipe, runs_dir: Path) -> Path:
    decisive = recipe.model_dump(include=set(SPEED_FIELDS)) | {"hardware": hardware()}
    for field, named in (("source", ("embedded", "hub")), ("model", ("embedded", "qwen3-0.6b"))):
        if decisive[field] not in named:
            decisive[field] = str(Path(decisive[field]).expanduser().resolve())
    key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:24]
    return runs_dir / ".speed" / f"{key}.json"


def _measure(recipe: Recipe, scratch: Path) -> Speed:
    """Do what a run does, in small, and time it; ``scratch`` is an empty folder."""
    from finsent.datasets import sample_rows
    from finsent.models import load_base, model_hash, resolve_model
    from finsent.predictions import predict
    from finsent.rows import draw_rows
    from finsent.training import make_trainer
    from finsent.worker import peak_memory

    join(recipe.processes)
    rows = draw_rows(recipe)
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
    sample = sample_rows(rows.train, min(count, len(rows.train)), recipe.seed)
    look = sample_rows(rows.validation, min(_SCORED_ROWS, len(rows.validation)), recipe.seed)
    trainer = make_trainer(model, tokenizer, alone, sample, look, scratch, at_step)
    trainer.args.eval_strategy = trainer.args.save_strategy = "no"
    trainer.train()
    step_seconds = float(np.median(np.diff(step_ends[_WARM_UP_STEPS - 1 :])))
    began = time.perf_counter()
    trainer.evaluate()
    validation_row = (time.perf_counter() - began) / len(look)
    judged = sample_rows(rows.judged, min(_SCORED_ROWS, len(rows.judged)), recipe.seed)
    began = time.perf_counter()
    predict(trainer.model, tokenizer, judged, attention=recipe.attention)
    return Speed(
        basis="a calibration",
        preparing=preparing,
        train_row=step_seconds / (recipe.batch_size * recipe.gradient_accumulation),
        score_row=(time.perf_counter() - began) / len(judged),
        validation_row=validation_row,
        peak_memory_bytes=total(peak_memory()),
    )


def _main(settings: Path, result: Path) -> int:
    recipe = Recipe.model_validate_json(settings.read_text(encoding="utf-8"))
    try:
        with tempfile.TemporaryDirectory(prefix="finsent-speed-") as scratch:
            speed = _measure(recipe, Path(scratch))
    except FinsentError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        leave()
    if is_main():
        write_atomically(result, speed.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), Path(sys.argv[2])))
