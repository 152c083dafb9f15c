"""A worker for tests: walks through a run's states and writes event files, without a model.

Its pace and its end are set by environment variables: ``STUB_STEPS``, ``STUB_STEP_SECONDS``, ``STUB_FIRST_STEP``,
``STUB_DIE_AT`` (exit without a word at that step).
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from finsent.machine import hardware
from finsent.runs.store import stop_requested, update_run

VALIDATION = ["neutral"] * 40 + ["positive"] * 30 + ["negative"] * 10


def write_point(writer: EventFileWriter, step: int, **values: float) -> None:
    """Write scalars of one step, as the trainer's callback does, and flush."""
    for tag, value in values.items():
        point = Summary.Value(tag=tag.replace("__", "/"), simple_value=value)
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[point])))
    writer.flush()


def main(folder: Path) -> int:
    steps = int(os.environ.get("STUB_STEPS", "20"))
    pause = float(os.environ.get("STUB_STEP_SECONDS", "0.02"))
    die_at = int(os.environ.get("STUB_DIE_AT", "-1"))
    print("stub worker at work", flush=True)
    update_run(
        folder,
        state="preparing",
        started=datetime.now(UTC),
        hardware=hardware(),
        splits={"train": 8 * steps, "validation": len(VALIDATION), "test": 20},
        source_title="Stub data",
        model_title="Stub model",
    )
    time.sleep(pause)
    update_run(folder, state="baseline", progress={"done": 50, "total": 100, "unit": "rows"})
    (folder / "predictions").mkdir(exist_ok=True)
    names = [f"v{number}" for number in range(len(VALIDATION))]
    rows = pd.DataFrame({"row_id": names, "text": names, "label": VALIDATION, "answers": "positive|neutral|negative"})
    rows = rows.assign(source="stub", topic="", split="validation", predicted="positive", confidence=1 / 3)
    rows = rows.assign(**{f"logp_{label}": -1.1 for label in ("negative", "bearish", "neutral", "bullish", "positive")})
    rows.to_parquet(folder / "predictions" / "baseline.parquet")
    time.sleep(pause)
    update_run(folder, state="training", progress=None)
    writer = EventFileWriter(str(folder / "tensorboard"))
    for step in range(int(os.environ.get("STUB_FIRST_STEP", "1")), steps + 1):
        time.sleep(pause)
        if step == die_at:
            print("about to vanish", flush=True)
            os._exit(9)
        write_point(
            writer,
            step,
            train__loss=2.0 / step,
            train__grad_norm=1.0 + 1.0 / step,
            train__learning_rate=5e-4 * (1 - step / steps),
            train__tokens_per_second=300.0 + step % 3,
        )
        if step % 5 == 0:
            write_point(writer, step, eval__loss=2.2 / step, eval__neutral_as_positive=round(20 / step) / 40)
        print(f"step {step}", flush=True)
        update_run(folder, steps=step, progress={"done": step, "total": steps, "unit": "steps"})
        if stop_requested(folder):
            update_run(folder, state="stopped", error=f"Stopped at step {step} of {steps}.", ended=datetime.now(UTC))
            return 0
    writer.close()
    update_run(folder, state="evaluating", progress=None, measured={"peak_memory_bytes": 3 * 2**30})
    time.sleep(pause)
    update_run(folder, state="done", ended=datetime.now(UTC))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
