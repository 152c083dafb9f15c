"""Names of repositories on the model hub: ``owner/name``, ``owner/name@revision``, ``hf://owner/name@revision``."""

import os
import re
from dataclasses import dataclass

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from finsent.errors import FinsentError

SCHEME = "hf://"
MAIN = "main"
_COMMIT = re.compile(r"[0-9a-f]{40}")
#: Branches, tags and commits; no "..", so that a revision is never a way out of a folder.
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_FORM = re.compile(r"[^/@\s]+/[^/@\s]+(@\S+)?")
_SHOWN = 100
#: Ends of the names of files with a model's weights, which no repository's name has.
_WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class HubId:
    """A repository on the hub, and the branch, tag or commit of it that is meant."""

    repository: str
    revision: str = MAIN

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, so that it always means the same files."""
        return bool(_COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        return self.repository if self.revision == MAIN else f"{self.repository}@{self.revision}"


def looks_like_id(text: str) -> bool:
    """Whether a text has the form of a repository's name, be it a sound one or not."""
    return text.startswith(SCHEME) or bool(_FORM.fullmatch(text)) and not text.startswith((".", "~", "/"))


def names_repository(text: str) -> bool:
    """Whether a text means a repository of the hub: it looks like one, and like no path on this machine.

    A path is what is here, is in a folder that is here (a file's name may be mistyped), or ends as weights do. What
    begins with ``hf://`` means the hub whatever there is.
    """
    return looks_like_id(text) and (text.startswith(SCHEME) or not _is_path(text))


def _is_path(text: str) -> bool:
    folder, _, name = text.partition("/")
    # A revision is part of no path that anybody mistypes, and a run's model has one.
    # Only of a folder there is a "." in it.
    mistyped = "@" not in name and (os.path.lexists(f"{folder}/.") or name.lower().endswith(_WEIGHTS))
    return mistyped or os.path.lexists(text)


def or_on_the_hub(text: str) -> str:
    """Return how the hub is meant by what was taken for a path, as a sentence after a blank; "" where it cannot be."""
    meant = looks_like_id(text) and not text.startswith(SCHEME)
    return f" If you mean the model hub, give {SCHEME}{_plain(text)}." if meant else ""


def parse_id(text: str, error: type[FinsentError], what: str) -> HubId:
    """Return the repository that a text names; ``what`` is what the message calls it ("model" or "data set").

    Raises:
        error: it can be the name of none.
    """
    name, at, revision = text.removeprefix(SCHEME).partition("@")
    try:
        if name.count("/") != 1 or not name.isascii():
            raise HFValidationError("it must be owner/name, in letters, digits, “-”, “_” and “.”")
        validate_repo_id(name)
        if at and (not _REVISION.fullmatch(revision) or ".." in revision):
            raise HFValidationError("what follows the “@” can be no branch, tag or commit")
    except HFValidationError as problem:
        why = str(problem).splitlines()[0].split(":")[0][:200].rstrip(".")
        raise error(
            f"“{_plain(text)}” is no name of a {what} on the model hub ({why}). Give owner/name, or "
            f"{SCHEME}owner/name@revision."
        ) from problem
    return HubId(name, revision or MAIN)


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text[:_SHOWN])
