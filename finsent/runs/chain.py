"""The runs that a run continues or averages: its parent, that one's parent, and so on."""

from collections.abc import Iterable, Mapping
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


def built_on(run: Run) -> list[str]:
    """Return the ids of the runs whose adapters a run began with or averages."""
    return [run.parent] * bool(run.parent) + list(run.averaged)


def is_mended(run: Run, known: Mapping[str, Run]) -> bool:
    """Whether a run, or one that it builds on, continues another one on a repair set or on corrected labels.

    What these are is looked for among the errors on validation rows, too, and no record says on which rows it was. So
    validation rows are no fair judge between such a run and the one that it continues. ``known`` are runs by their id;
    of one that is not among them nothing is assumed.
    """
    met: set[str] = set()
    waiting = [run]
    while waiting:
        one = waiting.pop()
        met.add(one.id)
        if one.parent and one.origin and (one.origin.repair or one.origin.corrections):
            return True
        waiting += [known[ident] for ident in built_on(one) if ident in known and ident not in met]
    return False


def _parent(link: Link) -> str:
    return link.run.parent if link.run is not None else ""
