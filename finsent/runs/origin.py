"""What ``run.json`` says of what a run began with besides its recipe; see :mod:`finsent.runs.beginning`."""

from pydantic import BaseModel, ConfigDict


class UsedCorrections(BaseModel):
    """The version of the corrections that a run was trained with, and how many rows of its data have each decision.

    ``version`` is 0 where they were a file that somebody named.
    """

    model_config = ConfigDict(extra="forbid")

    version: int
    sha256: str
    keep: int
    change: int
    drop: int
    flag: int


class UsedRepair(BaseModel):
    """The rows that a run was trained on in place of its recipe's: of the repair set, synthetic ones, and replayed."""

    model_config = ConfigDict(extra="forbid")

    rows: int
    synthetic: int
    replayed: int
    sha256: str


class Origin(BaseModel):
    """What ``run.json`` says of it. ``parent`` is a run's id, "" of a run that starts from the base model alone."""

    model_config = ConfigDict(extra="forbid")

    parent: str = ""
    adapter_sha256: str = ""
    corrections: UsedCorrections | None = None
    repair: UsedRepair | None = None
