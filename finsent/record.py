"""The record of a run: what ``run.json`` holds, and the states that a run goes through."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from finsent.recipes import Recipe

SCHEMA_VERSION = 1


class RunState(StrEnum):
    """Where a run is. ``LOST`` is never written: it is what an active run is called once its process is gone.

    A run goes forward through the first five, and ends in one of the last four from any of them. It goes back only
    to its beginning, when it is resumed.
    """

    QUEUED = "queued"
    PREPARING = "preparing"
    BASELINE = "baseline"
    TRAINING = "training"
    EVALUATING = "evaluating"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"


#: In the order in which a run goes through them.
STAGES = (RunState.QUEUED, RunState.PREPARING, RunState.BASELINE, RunState.TRAINING, RunState.EVALUATING)
ACTIVE_STATES = frozenset(STAGES)


class Progress(BaseModel):
    """How far the present state is: ``done`` of ``total`` in ``unit`` (``"rows"`` or ``"steps"``)."""

    done: int
    total: int
    unit: str


class Run(BaseModel):
    """What ``run.json`` holds. Times are UTC; ``folder`` is where it was read from and is not written."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    id: str
    name: str = ""
    note: str = ""
    state: RunState = RunState.QUEUED
    progress: Progress | None = None
    recipe: Recipe
    created: datetime
    #: When each state was entered (the last time, if a resumed run entered it twice).
    entered: dict[RunState, datetime] = Field(default_factory=dict)
    started: datetime | None = None
    #: When it was last resumed (then, when that worker began), and the seconds that it had been at work before.
    resumed: datetime | None = None
    worked: float = 0.0
    ended: datetime | None = None
    pid: int | None = None
    pid_created: float | None = None
    error: str | None = None
    #: Optimizer steps taken, and the rows of each split that the run used.
    steps: int = 0
    splits: dict[str, int] = Field(default_factory=dict)
    source_title: str = ""
    source_hash: str = ""
    model_title: str = ""
    model_hash: str = ""
    #: The number format that the recipe's “auto” came to; a resumed run keeps it.
    compute_dtype: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: dict[str, Any] = Field(default_factory=dict)
    #: What it was estimated to take before it was launched, in seconds; None where nothing was measured then.
    estimated_seconds: float | None = None
    #: Figures measured while it ran, for example ``peak_memory_bytes`` and ``packed_tokens``; of a resumed
    #: run, since then.
    measured: dict[str, Any] = Field(default_factory=dict)
    folder: Path = Field(default=Path(), exclude=True)

    @property
    def active(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.state in ACTIVE_STATES

    @property
    def waiting(self) -> bool:
        """Whether it stands in the queue: no worker was started for it yet."""
        return self.state == RunState.QUEUED and self.pid is None

    @property
    def resumable(self) -> bool:
        """Whether it ended before it was done, so that it can go on from its last checkpoint."""
        return self.state in {RunState.STOPPED, RunState.FAILED, RunState.LOST}

    @property
    def queued_at(self) -> datetime:
        """When it joined the queue, which is served in this order."""
        return self.entered.get(RunState.QUEUED, self.created)

    @property
    def settled_recipe(self) -> Recipe:
        """The recipe with the number format that the run computes in, once its worker has settled that."""
        return self.recipe.model_copy(update={"compute_dtype": self.compute_dtype or self.recipe.compute_dtype})

    @property
    def title(self) -> str:
        """The name that its owner gave it, else its id."""
        return self.name or self.id

    @property
    def seconds(self) -> float | None:
        """Seconds that it has been at work, the time between a stop and a resume left out; None before it started."""
        if self.started is None:
            return None
        if self.waiting:
            return self.worked
        return self.worked + ((self.ended or datetime.now(UTC)) - (self.resumed or self.started)).total_seconds()

    @property
    def log_file(self) -> Path:
        """Everything that the worker said."""
        return self.folder / "worker.log"

    @property
    def tensorboard_dir(self) -> Path:
        """TensorBoard event files."""
        return self.folder / "tensorboard"

    @property
    def checkpoints_dir(self) -> Path:
        """The trainer's checkpoints."""
        return self.folder / "checkpoints"

    @property
    def adapter_dir(self) -> Path:
        """The trained adapter."""
        return self.folder / "adapter"

    def predictions_file(self, which: str) -> Path:
        """Predictions of ``"baseline"`` or ``"tuned"`` (parquet)."""
        return self.folder / "predictions" / f"{which}.parquet"

    @property
    def evaluation_file(self) -> Path:
        """Every figure of the comparison."""
        return self.folder / "evaluation.json"

    @property
    def has_adapter(self) -> bool:
        """Whether the run can classify."""
        return (self.adapter_dir / "adapter_model.safetensors").is_file()

    @property
    def has_comparison(self) -> bool:
        """Whether predictions of both models are there."""
        return all(self.predictions_file(which).is_file() for which in ("baseline", "tuned"))


def may_follow(was: RunState, now: RunState) -> bool:
    """Whether a run may go from one state straight to another."""
    if was not in ACTIVE_STATES:
        return now == RunState.QUEUED and was != RunState.DONE
    # A new worker of a run whose last one vanished begins at the beginning.
    return now not in ACTIVE_STATES or now in STAGES[:2] or STAGES.index(now) > STAGES.index(was)
