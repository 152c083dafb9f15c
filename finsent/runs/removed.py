"""Runs of older versions whose recipe had settings that finsent no longer has: what can still be done with them.

They open, and their predictions are shown and compared. Their settings stand in ``Run.removed_settings``.
"""

from finsent.errors import RemovedSettingError
from finsent.recipe_form import show_value
from finsent.runs.record import Run

#: Decides how an adapter reads a text, and so what it answers.
_READING = "attention"


def removed_words(run: Run) -> str:
    """Return the removed settings of a run as text, for example ``soup=2``; "" where there are none."""
    return ", ".join(f"{name}={show_value(value)}" for name, value in run.removed_settings.items())


def answers_new_texts(run: Run) -> bool:
    """Whether a run's adapter, once it is there, answers as it was trained to."""
    return _READING not in run.removed_settings


def check_answers_new_texts(run: Run) -> None:
    """Check that a run's adapter answers as it was trained to.

    Raises:
        RemovedSettingError: it was trained with a way of reading texts that finsent no longer has.
    """
    if not answers_new_texts(run):
        raise RemovedSettingError(
            f"Run {run.id} was trained with {_READING}={run.removed_settings[_READING]}, which finsent no longer has, "
            "so its adapter cannot answer as it was trained to. Its saved predictions can still be compared; for new "
            "texts choose another run, or launch a new one."
        )


def check_can_go_on(run: Run) -> None:
    """Check that a run can be trained as its recipe says.

    Raises:
        RemovedSettingError: its recipe has a setting that finsent no longer has.
    """
    if run.removed_settings:
        raise RemovedSettingError(
            f"Run {run.id} was launched with {removed_words(run)}, which finsent no longer has, so it cannot go on as "
            "it began. Launch a new run without: duplicate this one."
        )
