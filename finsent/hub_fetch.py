"""Fetching what this machine's cache lacks of a repository on the hub, with one progress bar for all of it."""

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import DatasetInfo, ModelInfo, constants, try_to_load_from_cache
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import filter_repo_objects
from tqdm import tqdm

from finsent.errors import DiskFullError
from finsent.files import write_atomically
from finsent.hub_part import RemoteFile
from finsent.sizes import size_words

#: So long the hub has for an answer that is no file.
ANSWER_SECONDS = 8.0


@dataclass(frozen=True)
class Wanted:
    """What is fetched of a repository at a commit, from the hub at ``endpoint``: files that match ``patterns``."""

    repository: str
    kind: str
    commit: str
    endpoint: str
    patterns: tuple[str, ...]


def fetch_missing(wanted: Wanted, about: ModelInfo | DatasetInfo, bar: "type[tqdm[Any]]") -> None:
    """Fetch the files that are not in the cache; ``about`` is what the hub says of them, with sizes.

    Raises:
        DiskFullError: there is no room for them.
        HubUnreachableError: a file came damaged.
        Exception: the hub's client fails.
    """
    patterns = list(wanted.patterns)
    names = filter_repo_objects(about.siblings or [], allow_patterns=patterns, key=lambda one: one.rfilename)
    files = [_File(wanted, one) for one in names]
    total, here = sum(file.size for file in files), sum(file.here for file in files)
    if shutil.disk_usage(_nearest_folder(Path(constants.HF_HUB_CACHE))).free < total - here:
        raise _no_room(wanted, f": {size_words(total - here)} are still to come")
    try:
        with bar(desc=wanted.repository, total=total, initial=here, unit="B", unit_scale=True) as shown:
            for file in files:
                file.fetch(shown)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _no_room(wanted) from error


def keep_revision(repository: str, kind: str, revision: str, commit: str) -> None:
    """Write down in the cache, as the hub's client does, that a branch or tag means a commit.

    Raises:
        DiskFullError: it cannot be written.
    """
    file = _folder(repository, kind) / "refs" / revision
    if revision == commit or file.is_file() and file.read_text() == commit:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, commit)


class _File:
    """One file of a commit, known by its checksum: its large files' own, or git's.

    ``here`` is how many of its bytes were on this machine at first: another process may fetch it meanwhile.
    """

    def __init__(self, wanted: Wanted, about: RepoSibling) -> None:
        self._wanted, self._name = wanted, about.rfilename
        self.size = about.size or 0
        self._remote: RemoteFile | None = None
        checksum = about.lfs.sha256 if about.lfs is not None else about.blob_id
        if checksum is not None:
            url = huggingface_hub.hf_hub_url(
                wanted.repository, self._name, repo_type=wanted.kind, revision=wanted.commit, endpoint=wanted.endpoint
            )
            place = _folder(wanted.repository, wanted.kind) / "blobs" / checksum
            self._remote = RemoteFile(url, place, f"{self._name} of {wanted.repository}", checksum, self.size)
        begun = 0 if self._remote is None else min(self._remote.here, self.size)
        self.here = self.size if self._is_placed() else begun

    def fetch(self, shown: "tqdm[Any]") -> None:
        """Put it into the cache's folder of its commit, and bring the bar to where it is whole."""
        whole = shown.n + self.size - self.here
        if not self._is_placed():
            if self._remote is not None:
                self._remote.fetch(lambda came: shown.update(min(came, whole - shown.n)))
            self._place()
        shown.update(whole - shown.n)

    def _is_placed(self) -> bool:
        wanted = self._wanted
        found = try_to_load_from_cache(wanted.repository, self._name, revision=wanted.commit, repo_type=wanted.kind)
        return isinstance(found, str)

    def _place(self) -> None:
        huggingface_hub.hf_hub_download(
            self._wanted.repository,
            self._name,
            repo_type=self._wanted.kind,
            revision=self._wanted.commit,
            endpoint=self._wanted.endpoint,
            etag_timeout=ANSWER_SECONDS,
            tqdm_class=_NoBar,
        )


class _NoBar(tqdm):  # type: ignore[type-arg]
    """A progress bar that shows nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"disable": True})


def _folder(repository: str, kind: str) -> Path:
    """Return where the cache has a repository."""
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type=kind)


def _nearest_folder(path: Path) -> Path:
    """Return a folder, or the nearest above it that is there."""
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def _no_room(wanted: Wanted, why: str = "") -> DiskFullError:
    return DiskFullError(
        f"There is no room for {wanted.repository} in {constants.HF_HUB_CACHE}{why}. Free some, or set HF_HOME to a "
        "folder on another disk, and fetch it again. What came is kept."
    )
