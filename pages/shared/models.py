"""The models that answer on the pages: one base model with its adapter in memory, for all visitors."""

import streamlit as st

from finsent.evaluation.classifier import Classifier
from finsent.runs.history import adapter_time
from finsent.runs.store import Run


@st.cache_resource(max_entries=1, show_spinner="Loading the base model in 4 bits …")
def _load(model: str, run_id: str | None, trained: int, _run: Run | None) -> Classifier:
    """Return the classifier of a run, or of a base model alone; ``trained`` changes when its adapter does."""
    return Classifier.of_run(_run) if _run else Classifier(model)


def known_as(run: Run | None) -> tuple[str, str | None, int]:
    """Return what tells the models of a run, or the embedded base model alone, from others."""
    return (run.recipe.model, run.id, adapter_time(run)) if run else ("embedded", None, 0)


def classifier_of(run: Run | None) -> Classifier:
    """Return the classifier of a run, or of the embedded base model alone.

    Raises:
        FinsentError: they cannot be used; see :meth:`finsent.evaluation.classifier.Classifier.of_run`.
    """
    return _load(*known_as(run), run)
