"""A file of the model hub: fetched into a part beside its place, which a later fetch goes on with.

The hub's own client throws away what came of a file when a download ends early, and asks a server that hangs six times
over, so files come this way. They come by their plain address also where the hub keeps them in Xet storage, from which
its client would fetch pieces: for such an address the hub puts the file together. One process at a time fetches a file;
another that wants it waits and finds it there.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from huggingface_hub import constants, get_session
from huggingface_hub.errors import HfHubHTTPError, HTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from finsent.errors import HubUnreachableError

#: Little enough that a slow line shows progress, and that a killed process loses next to nothing.
_PIECE = 2**16
#: So often a connection is taken up again that brought no byte more.
_TRIES = 3
_PAUSE_SECONDS = 1.0
_SHA256_LETTERS = 64


@dataclass(frozen=True)
class RemoteFile:
    """A file on the hub: its address, its ``place`` in the cache, what it is called, its checksum and its bytes.

    The checksum of a large file is its SHA-256 (hex), that of any other the name that git gives its content.
    """

    url: str
    place: Path
    title: str
    checksum: str
    size: int

    @property
    def here(self) -> int:
        """How many bytes of it are on this machine."""
        return self.size if self.place.exists() else _bytes(self._part)

    @property
    def _part(self) -> Path:
        return self.place.with_name(f"{self.place.name}.part")

    def fetch(self, came: Callable[[int], object]) -> None:
        """Fetch what is missing of it, and check the whole; ``came`` is told the bytes of each piece.

        Raises:
            HubUnreachableError: what came is not what the hub said.
            HTTPError, OSError: the hub or the disk fails; what came is kept.
        """
        self.place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.place.with_name(f"{self.place.name}.lock")):
            if self.place.exists():
                return
            self._part.touch()
            self._complete(came)
            self._check()
            self._part.replace(self.place)

    def _complete(self, came: Callable[[int], object]) -> None:
        tries = _TRIES
        while (have := _bytes(self._part)) < self.size:
            try:
                self._stream(have, came)
            except HfHubHTTPError:
                raise
            except (HTTPError, HubUnreachableError):
                tries = _TRIES if _bytes(self._part) > have else tries - 1
                if not tries:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _stream(self, have: int, came: Callable[[int], object]) -> None:
        # Compressed on the way, bytes could not be counted.
        headers = build_hf_headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        session, limit = get_session(), constants.HF_HUB_DOWNLOAD_TIMEOUT
        with session.stream("GET", self.url, headers=headers, timeout=limit) as response:
            hf_raise_for_status(response)
            # A server that knows no ranges sends all of it again: what is here stays, for it may end earlier this time.
            known = 0 if response.status_code == 206 else have
            with self._part.open("ab") as part:
                for piece in response.iter_bytes(_PIECE):
                    new = piece[known:]
                    known = max(0, known - len(piece))
                    part.write(new)
                    came(len(new))
        if _bytes(self._part) <= have:
            raise HubUnreachableError(f"The model hub sends no more of {self.title}. Try again in some minutes.")

    def _check(self) -> None:
        if self._found_checksum() != self.checksum:
            self._part.unlink()
            raise HubUnreachableError(
                f"{self.title} came damaged from the model hub (another checksum than it names). It was removed; "
                "fetch it again."
            )

    def _found_checksum(self) -> str:
        with self._part.open("rb") as stream:
            if len(self.checksum) == _SHA256_LETTERS:
                return hashlib.file_digest(stream, "sha256").hexdigest()
            return hashlib.sha1(f"blob {self.size}\0".encode() + stream.read(), usedforsecurity=False).hexdigest()


def _bytes(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
