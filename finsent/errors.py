"""The errors that a user can meet.

Each message says what is wrong, where, and what to do. The command line prints it and exits with code 2; a page
shows it in place of its content; only the log keeps a traceback.
"""


class FinsentError(Exception):
    """Base of every error that is worth showing to a user as it stands."""


class DataError(FinsentError):
    """The data set cannot be used as it is."""


class SourceNotFoundError(DataError):
    """No such data file, folder or source name."""


class MissingColumnError(DataError):
    """A required column is absent."""


class UnknownLabelError(DataError):
    """An answer is none of the five labels, or not in its row's answer set."""


class EmptyDataError(DataError):
    """There are no sentiment rows, or too few to split."""


class EncodingError(DataError):
    """The file is not UTF-8 text, or cannot be parsed as a table."""


class HubUnreachableError(FinsentError):
    """The model hub does not answer."""


class ModelError(FinsentError):
    """The base model or adapter cannot be used as it is."""


class ModelNotFoundError(ModelError):
    """No such model name, package or folder, or its files cannot be read."""


class AdapterError(ModelError):
    """An adapter is missing or does not fit its base model."""


class RecipeError(FinsentError):
    """A recipe has an unknown name or key, or a value out of its range."""


class RunError(FinsentError):
    """A run folder cannot be used as it is."""


class RunNotFoundError(RunError):
    """No run has that id."""


class RunActiveError(RunError):
    """Another run is active; one at a time."""


class RunStateError(RunError):
    """The run is not in a state that allows the request."""


class RunChangedError(RunError):
    """The data or the base model of a run are not what they were when it began."""


class RunStopped(FinsentError):
    """The user asked the run to stop; not a failure."""


class WorkerStartError(RunError):
    """The worker process did not start."""


class ProcessesError(RunError):
    """Another number of processes was started than the recipe asks for."""


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


class AnnotationError(FinsentError):
    """A tag or note cannot be saved as it is, or the saved ones cannot be read."""


def first_line(error: BaseException) -> str:
    """Return what an error says, cut to its first line and 200 characters, for use inside a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
