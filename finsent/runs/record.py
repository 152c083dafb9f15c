"""The record of a run: what ``run.json`` holds, and the states that a run goes through."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from finsent.recipe import Recipe
from finsent.runs.names import SEPARATOR, changes_in_words, spoken_words
from finsent.runs.origin import Origin

#: What ``run.json`` holds; raised with each migration of :mod:`finsent.runs.migrations`.
SCHEMA_VERSION = 3

#: The beginning of the warning of a run whose adapter is what it was at the start.
NOTHING_LEARNED = "This run learned nothing"


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

    done: int = Field(ge=0)
    total: int = Field(ge=0)
    unit: str


class Group(BaseModel):
    """Runs that differ in their seed alone, as each of them has it: see :mod:`finsent.runs.groups`."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(pattern=r"^seeds-[0-9a-f]{6}$")
    name: str = Field(default="", max_length=80)
    #: The ids of all that were launched together, this run's among them, in the order of their seeds.
    members: tuple[str, ...] = Field(min_length=2, max_length=10)


class Run(BaseModel):
    """What ``run.json`` holds. Times are UTC; ``folder`` is where it was read from and is not written.

    What it does not know stays in the record. Older versions' records go through :mod:`finsent.runs.migrations` first.
    """

    model_config = ConfigDict(extra="allow")

    schema_version: int = SCHEMA_VERSION
    id: str
    name: str = ""
    #: Which of the runs with the same spoken words it is; 0 in records of older versions, which have no such number.
    number: int = 0
    note: str = ""
    state: RunState = RunState.QUEUED
    progress: Progress | None = None
    recipe: Recipe
    #: The group that it was launched in; None of a run that was launched alone.
    group: Group | None = None
    #: The runs whose adapters were averaged into this one's, which trained none itself; empty of a trained run.
    averaged: tuple[str, ...] = Field(default=(), max_length=10)
    #: What it began with besides its recipe: another run's adapter, corrections, a repair set.
    origin: Origin | None = None
    #: Settings of an older version's recipe that finsent no longer has, where they did something.
    removed_settings: dict[str, Any] = Field(default_factory=dict)
    created: AwareDatetime
    #: When each state was entered (the last time, if a resumed run entered it twice).
    entered: dict[RunState, AwareDatetime] = Field(default_factory=dict)
    started: AwareDatetime | None = None
    #: When it was last resumed (then, when that worker began), and the seconds that it had been at work before.
    resumed: AwareDatetime | None = None
    worked: float = 0.0
    ended: AwareDatetime | None = None
    #: The worker's process. Ticks are its start as the system counts them from its own, which no step of the clock
    #: moves; ``boot`` names that start, and ``host`` the machine. Older records have the creation by the clock alone.
    pid: int | None = Field(default=None, gt=0, lt=2**31)
    pid_created: float | None = None
    pid_ticks: int | None = None
    boot: str = ""
    host: str = ""
    error: str | None = None
    #: What its owner should know of a run that did not fail.
    warning: str | None = None
    #: Where the adapter comes from that was trained elsewhere and brought in; "" of a run that was trained here.
    imported: str = ""
    #: The prompt that the adapter was trained with, with ``{text}`` in it; "" is the data's own.
    prompt: str = ""
    #: Optimizer steps taken, and the rows of each split that the run used.
    steps: int = 0
    splits: dict[str, int] = Field(default_factory=dict)
    source_title: str = ""
    source_hash: str = ""
    model_title: str = ""
    model_hash: str = ""
    #: Under which its baseline's predictions are shared with runs of the same rows; "" before it has one.
    baseline_key: str = ""
    #: The number format that the recipe's “auto” came to; a resumed run keeps it.
    compute_dtype: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: dict[str, Any] = Field(default_factory=dict)
    #: What it was estimated to take before it was launched, in seconds; None where nothing was measured then.
    estimated_seconds: float | None = None
    #: Figures measured while it ran, for example ``peak_memory_bytes`` and ``packed_tokens``; of a resumed
    #: run, since then.
    measured: dict[str, int | float | None] = Field(default_factory=dict)
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
    def parent(self) -> str:
        """The id of the run that it continues; "" where it starts from the base model."""
        return self.origin.parent if self.origin else ""

    @property
    def learned_nothing(self) -> bool:
        """Whether its adapter is what it was at the start, so that it answers exactly as the baseline does."""
        return (self.warning or "").startswith(NOTHING_LEARNED)

    @property
    def queued_at(self) -> datetime:
        """When it joined the queue, which is served in this order."""
        return self.entered.get(RunState.QUEUED, self.created)

    @property
    def settled_recipe(self) -> Recipe:
        """The recipe with the number format that the run computes in, once its worker has settled that."""
        return self.recipe.model_copy(update={"compute_dtype": self.compute_dtype or self.recipe.compute_dtype})

    @property
    def spoken(self) -> str:
        """The name that it has from its start, see :mod:`finsent.runs.names`."""
        words = spoken_words(self.recipe)
        which = str(self.number) if self.number else f"{self.created:%d %b %H:%M}"
        return words if self.number == 1 else f"{words}{SEPARATOR}{which}"

    @property
    def title(self) -> str:
        """The name that its owner gave it, else the one that it has from its start."""
        return self.name or self.spoken

    @property
    def label(self) -> str:
        """How a list tells it from other runs: its title, what was changed where that does not say it, and its date."""
        changes = changes_in_words(self.recipe) if self.name else []
        # A run from before runs had numbers has its date in its name.
        dated = bool(self.name or self.number)
        parts = (self.title, ", ".join(changes), f"{self.created:%d %b %H:%M} UTC" if dated else "")
        return SEPARATOR.join(filter(None, parts))

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
    def heartbeat_file(self) -> Path:
        """Touched by the worker every few seconds, for those on other machines who cannot see its process."""
        return self.folder / ".heartbeat"

    @property
    def asked_file(self) -> Path:
        """Until when somebody beside the run asks its worker for a core; there while it trains."""
        return self.folder / ".asked"

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
        """Whether the run has an adapter to classify with, be it readable or not."""
        return os.path.lexists(self.adapter_dir / "adapter_model.safetensors")

    @property
    def has_comparison(self) -> bool:
        """Whether predictions of both models are there, be they readable or not."""
        return all(os.path.lexists(self.predictions_file(which)) for which in ("baseline", "tuned"))


@dataclass(frozen=True)
class DamagedRun:
    """A run folder whose record cannot be used. ``problem`` says why and what to do, in sentences.

    ``state`` is ``damaged``, or ``newer`` where a newer version of finsent wrote the record.
    """

    folder: Path
    problem: str
    state: str = "damaged"

    @property
    def id(self) -> str:
        """The name of its folder: what the record says is not to be trusted."""
        return self.folder.name

    @property
    def log_file(self) -> Path:
        """Everything that its worker said."""
        return self.folder / "worker.log"


def may_follow(was: RunState, now: RunState) -> bool:
    """Whether a run may go from one state straight to another."""
    if was not in ACTIVE_STATES:
        return now == RunState.QUEUED and was != RunState.DONE
    # A new worker of a run whose last one vanished begins at the beginning.
    return now not in ACTIVE_STATES or now in STAGES[:2] or STAGES.index(now) > STAGES.index(was)
