"""The base model that a run began with, and whether it still is that one."""

from finsent.errors import RunChangedError
from finsent.models.base import ModelSource, is_same_model, model_hash, resolve_model
from finsent.runs.record import Run


def unchanged_base(run: Run) -> tuple[ModelSource, str]:
    """Return a run's base model and its hash (see :func:`finsent.models.base.model_hash`).

    Raises:
        RunChangedError: it is not the one that the run began with, so that neither further training nor the run's
            adapter would mean on it what they mean on that one.
        ModelError: the model is not there.
    """
    source = resolve_model(run.recipe.model)
    found = model_hash(source)
    if run.model_hash and not is_same_model(run.model_hash, found):
        raise RunChangedError(
            f"The base model of run {run.id} ({source.title}) has changed since it began{_commits(run, found)}. Put "
            "its files back as they were, or launch a new run: duplicate this one."
        )
    return source, found


def _commits(run: Run, found: str) -> str:
    """Return both commits in words, where the model is the hub's."""
    before, after = (name.partition("@")[2] for name in (run.model_hash, found))
    return f": it began with commit {before}, and commit {after or 'unknown'} is here" if before else ""
