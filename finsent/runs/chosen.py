"""The run that is meant where nobody names one: the pinned one, else the best on its validation rows.

A run that continues another one on a repair set or on corrected labels stands back, since its validation rows may have
chosen what it was mended with: it is taken where it is pinned, or where there is no other one.

A pin is the file ``pinned`` in the folder of runs, which holds a run's id.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from finsent.errors import DiskFullError, FinsentError, RunNotFoundError, RunStateError
from finsent.files import write_atomically
from finsent.inference.predictions import load_predictions
from finsent.metrics.classification import evaluate_predictions
from finsent.runs.chain import is_mended
from finsent.runs.history import read_comparison
from finsent.runs.locks import launch_lock
from finsent.runs.store import Run, RunState, list_runs

_PIN = "pinned"


@dataclass(frozen=True)
class Standing:
    """How a run stands on its own validation rows: macro-F1 (0 to 1) on ``n`` rows, None where it has none."""

    macro_f1: float | None
    n: int


@dataclass(frozen=True)
class Chosen:
    """The run that is meant where nobody names one, and why it is, as a part of a sentence."""

    run: Run
    why: str


def standing(run: Run) -> Standing | None:
    """Return how a run stands on its validation rows; None for one that nobody should get without asking.

    That is a run that has not ended well, that learned nothing, or whose figures or predictions cannot be read.
    """
    if run.state != RunState.DONE or run.learned_nothing:
        return None
    try:
        if read_comparison(run) is None:
            return None
        tuned = load_predictions(run.predictions_file("tuned"))
    except FinsentError:
        return None
    rows = tuned[tuned["split"] == "validation"]
    return Standing(evaluate_predictions(rows).macro_f1, len(rows)) if len(rows) else Standing(None, 0)


def choose(
    runs: Sequence[Run],
    runs_dir: Path,
    usable: Callable[[Run], bool] = lambda run: run.has_comparison,
    standing_of: Callable[[Run], Standing | None] = standing,
) -> Chosen | None:
    """Return the run of some (newest first) that is meant where nobody names one, or None where there is none.

    That is the pinned run, if it is ``usable``; else, of the usable finished runs on the same data as the newest of
    them, the one of highest macro-F1 on its own validation rows. The test rows have no say in it, and runs that were
    mended (see :func:`finsent.runs.chain.is_mended`) stand back where there is another one. ``standing_of`` may
    remember what :func:`standing` returns.
    """
    pin = pinned_id(runs_dir)
    pinned = next((run for run in runs if run.id == pin and usable(run)), None)
    if pinned is not None:
        return Chosen(pinned, "pinned")
    known = [(run, place) for run in runs if usable(run) and (place := standing_of(run)) is not None]
    if not known:
        return None
    newest = known[0][0]
    same = [(run, place) for run, place in known if run.source_hash == newest.source_hash]
    by_id = {run.id: run for run in runs}
    back = [run for run, _ in same if is_mended(run, by_id)]
    others = [(run, place) for run, place in same if run not in back]
    if not others:
        return _best(same)
    found = _best(others, ", mended ones aside" * bool(back))
    return Chosen(found.run, f"{found.why}{_standing_back(back, found.run)}")


def _best(known: Sequence[tuple[Run, Standing]], aside: str = "") -> Chosen:
    """Return the best of some runs (newest first) on their validation rows, or the newest where none has such rows.

    ``aside`` says which others are not among them.
    """
    ranked = [(place.macro_f1, run, place.n) for run, place in known if place.macro_f1 is not None]
    if len(known) == 1 or not ranked:
        return Chosen(known[0][0], f"the newest finished run on these data{aside}")
    # Of equals the newest: max keeps the first.
    macro_f1, best, n = max(ranked, key=lambda one: one[0])
    judged = f"macro-F1 {macro_f1:.3f} on its {n:,} validation rows"
    return Chosen(best, f"the best of {len(known)} finished runs on these data{aside}: {judged}")


def _standing_back(back: Sequence[Run], chosen: Run) -> str:
    """Return which runs are not taken by themselves, and why; "" where none is."""
    if not back:
        return ""
    why = "validation rows may have chosen what mended"
    if len(back) > 1:
        return f"; {len(back)} runs that continue others stand back, since {why} them: pin one to have it shown"
    whom = "it" if back[0].parent == chosen.id else "another run"
    return f"; {back[0].title} continues {whom} and stands back, since {why} it: pin it to have it shown"


def chosen_run(runs_dir: Path, usable: Callable[[Run], bool] = lambda run: run.has_comparison) -> Chosen:
    """Return the run that :func:`choose` returns of a folder of runs.

    Raises:
        RunNotFoundError: there is none.
    """
    found = choose(list_runs(runs_dir), runs_dir, usable)
    if found is None:
        raise RunNotFoundError(
            f"No run in {runs_dir} has finished with what is needed here and learned something, so none is taken by "
            "itself. Name a run, or launch one with: python -m finsent train --recipe quick"
        )
    return found


def interrupted(runs: Iterable[Run]) -> list[Run]:
    """Return those of some runs that began and ended before they were done, and so can be resumed."""
    return [run for run in runs if run.resumable and run.started is not None]


def pinned_id(runs_dir: Path) -> str | None:
    """Return the id of the pinned run, or None; whether that run is still there is not looked at."""
    try:
        return (runs_dir / _PIN).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None


def pin(run: Run) -> None:
    """Pin a run: it is the one that is meant where nobody names one, in place of the one pinned before.

    Raises:
        RunStateError: it has neither an adapter nor figures, so there is nothing to show.
        DiskFullError: the folder of runs cannot be written.
    """
    if not (run.has_adapter or run.has_comparison):
        raise RunStateError(f"Run {run.id} is {run.state} and has no model yet. Pin one that has an adapter.")
    with launch_lock(run.folder.parent):
        write_atomically(run.folder.parent / _PIN, run.id)


def unpin(runs_dir: Path) -> str | None:
    """Take the pin away and return the id of the run that had it, or None where none had.

    Raises:
        DiskFullError: the folder of runs cannot be written.
    """
    was = pinned_id(runs_dir)
    if was is not None:
        with launch_lock(runs_dir):
            try:
                (runs_dir / _PIN).unlink(missing_ok=True)
            except OSError as error:
                raise DiskFullError(f"{runs_dir / _PIN} cannot be removed ({error.strerror}).") from error
    return was
