"""A file that somebody brings: looked at first, and kept only where it can be used or asked about."""

from contextlib import suppress

from finsent.data.choices import Choices
from finsent.data.dataset import load_upload
from finsent.data.stored import StoredSource, store
from finsent.errors import ColumnAskedError, LabelsAskedError


def bring(content: bytes, name: str) -> StoredSource:
    """Keep a file's content as a source, if it can be one; ``name`` gives its kind and what people call it.

    Rows that cannot be used, and what its columns and labels mean, are for whoever reads the source to decide.

    Raises:
        DataError: it holds no labelled texts that could be read; nothing is kept.
        DiskFullError: there is no room.
    """
    # A question is no reason against it: it is asked of the stored source.
    with suppress(ColumnAskedError, LabelsAskedError):
        load_upload(content, name, Choices(leave_out=True))
    return store(content, name)
