"""The errors that a user can meet.

Each message says what is wrong, where, and what to do. The command line prints it and exits with code 2; a page
shows it in place of its content; only the log keeps a traceback.
"""

from pydantic import ValidationError


class FinsentError(Exception):
    """Base of every error that is worth showing to a user as it stands."""


class UsageError(FinsentError):
    """A command is given something that it cannot take."""


class DataError(FinsentError):
    """The data set cannot be used as it is."""


class SourceNotFoundError(DataError):
    """No such data file, folder or source name."""


class MissingColumnError(DataError):
    """A required column is absent."""


class UnknownLabelError(DataError):
    """An answer is none of the five labels, or not in its row's answer set."""


class ColumnAskedError(MissingColumnError):
    """Which column holds the texts or the labels is not clear; ``question`` is what to ask a person."""

    def __init__(self, message: str, question: object) -> None:
        """``question`` is a :class:`finsent.data.questions.Question`."""
        super().__init__(message)
        self.question = question


class LabelsAskedError(UnknownLabelError):
    """What the values of a label column mean is asked for, never guessed; ``question`` is what to ask a person."""

    def __init__(self, message: str, question: object) -> None:
        """``question`` is a :class:`finsent.data.questions.Question`."""
        super().__init__(message)
        self.question = question


class EmptyDataError(DataError):
    """There are no sentiment rows, or too few to split."""


class TooManyTextsError(DataError):
    """There are more texts than are taken at a time."""


class EncodingError(DataError):
    """The file's encoding is unknown, or it cannot be parsed as a table."""


class TooLargeError(DataError):
    """A file is larger, or would unpack to more, than the limits of :mod:`finsent.limits` allow."""


class HubUnreachableError(FinsentError):
    """The model hub does not answer."""


class ModelError(FinsentError):
    """The base model or adapter cannot be used as it is."""


class ModelNotFoundError(ModelError):
    """No such model name, package or folder, or its files cannot be read."""


class AdapterError(ModelError):
    """An adapter is missing or does not fit its base model."""


class ExportError(FinsentError):
    """A run cannot be written in the form, or to the place, that was asked for."""


class BudgetError(FinsentError):
    """A time for a run is no duration, or nothing that is worth it fits in."""


class RecipeError(FinsentError):
    """A recipe has an unknown name or key, or a value out of its range."""


class RunError(FinsentError):
    """A run folder cannot be used as it is."""


class RunNotFoundError(RunError):
    """No run, or not one alone, is what was asked for."""


class DamagedFileError(RunError):
    """A file of a run is damaged: the message says which, what is wrong with it, and what to do."""

    def __init__(self, where: object, why: str, remedy: str) -> None:
        """``where`` is the file, ``why`` a part of a sentence, ``remedy`` a whole one."""
        super().__init__(f"{where} is damaged: {why}. {remedy}")
        self.why = why


class NewerRunError(RunError):
    """A run was written by a newer version of finsent."""


class RunActiveError(RunError):
    """Another run is active; one at a time."""


class RunStateError(RunError):
    """The run is not in a state that allows the request."""


class FiguresFormatError(RunError):
    """Saved figures have keys or values that this version does not know, or lack some that it needs."""


class RunChangedError(RunError):
    """The data or the base model of a run are not what they were when it began."""


class RemovedSettingError(RunError):
    """A run of an older version has a setting that finsent no longer has."""


class RunStopped(FinsentError):
    """The user asked the run to stop; not a failure."""


class WorkerStartError(RunError):
    """The worker process did not start."""


class ProcessesError(RunError):
    """Another number of processes was started than the recipe asks for."""


class ProcessGoneError(RunError):
    """One of the processes that share a run is gone, so that the others cannot go on."""


class TrainingError(FinsentError):
    """Training cannot go on."""


class ZeroGradientError(TrainingError):
    """The gradient norm is zero: nothing is being trained."""


class NonFiniteLossError(TrainingError):
    """The loss or the gradient norm is not a finite number."""


class OutOfMemoryError(FinsentError):
    """The settings need more memory than the machine has."""


class DiskFullError(FinsentError):
    """The disk has no room for what the run must write."""


class FolderGoneError(FinsentError):
    """The folder that should be written into is not there: its run was deleted meanwhile."""


class PasswordError(FinsentError):
    """A password cannot be one, or has to wait after wrong ones."""


class CorrectionsError(DataError):
    """A decision about a row's label cannot be made, or a file of such decisions cannot be used or read."""


class RepairError(DataError):
    """A repair set cannot be trained on."""


class ContinueError(RunError):
    """A run cannot start from that run's adapter with these settings."""


class AnnotationError(FinsentError):
    """A tag or note cannot be saved as it is, or the saved ones cannot be read."""


def first_line(error: BaseException) -> str:
    """Return what an error says, cut to its first line and 200 characters, for use inside a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")


def reason(error: Exception) -> str:
    """Return why a file could not be read, as a part of a sentence: what the system, JSON or pydantic says."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])[:100] or 'the whole'}: {first['msg'].lower()[:200]}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return first_line(error)
