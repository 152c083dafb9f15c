"""The runs that a run continues: its parent, that one's parent, and so on."""

from collections.abc import Iterable
from dataclasses import dataclass

from finsent.runs.store import DamagedRun, Run


@dataclass(frozen=True)
class Link:
    """A run of a chain. ``run`` is None where it is not there, and ``missing`` says why; else that is empty."""

    id: str
    run: Run | None
    missing: str = ""

    @property
    def words(self) -> str:
        """The run as a list of names has it: its title, or its id and what became of it."""
        return self.run.title if self.run is not None else f"run {self.id}, {self.missing}"


def chain_of(run: Run, runs: Iterable[Run], damaged: Iterable[DamagedRun] = ()) -> tuple[Link, ...]:
    """Return the runs that a run continues, the first one first, and the run itself at the end.

    ``runs`` and ``damaged`` are those of its folder. The chain begins at a run that starts from the base model, or at
    one that was removed or cannot be read: what that one continued is not known.
    """
    known = {one.id: Link(one.id, one) for one in runs}
    unread = {one.id: Link(one.id, None, "not readable") for one in damaged}
    chain = [Link(run.id, run)]
    # Records can be edited: a run that would continue itself ends the chain.
    while (parent := _parent(chain[-1])) and parent not in {link.id for link in chain}:
        chain.append(known.get(parent) or unread.get(parent) or Link(parent, None, "removed"))
    return tuple(reversed(chain))


def _parent(link: Link) -> str:
    return link.run.parent if link.run is not None else ""
