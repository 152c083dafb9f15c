"""The model hub: what of it is in this machine's cache, whether it answers, and fetching what is not there.

The cache is that of the hub's own client (below ``HF_HOME``), so that what other tools fetched is used, too. What is
in it is used as it is, without the network; the hub is asked when something that is not there is needed, and only then.
"""

import json
import os
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import huggingface_hub
from huggingface_hub import DatasetInfo, ModelInfo, constants
from huggingface_hub.errors import HfHubHTTPError, HTTPError, RepositoryNotFoundError
from tqdm import tqdm

from finsent.errors import FinsentError, HubUnreachableError
from finsent.hub_faults import fault
from finsent.hub_fetch import ANSWER_SECONDS, Wanted, fetch_missing, keep_revision
from finsent.hub_ids import MAIN, HubId

QWEN3_REPOSITORY = "Qwen/Qwen3-0.6B"
HUB_DATASET = "sujet-ai/Sujet-Finance-Instruct-177k"

HUB_ENDPOINT = "https://huggingface.co"
_KINDS = {"model": "model", "dataset": "data set"}
_OPTIONS = {"model": "model", "dataset": "source"}
_PROBE_SECONDS = 3.0
_PROBE_LIFETIME_SECONDS = 60.0
_OFFLINE_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
#: When each endpoint was asked last, in seconds of the monotonic clock, and whether it answered.
_answers: dict[str, tuple[float, bool]] = {}


@dataclass(frozen=True)
class HubFiles:
    """Files of a repository on the hub: patterns of what is ``wanted``, and of what it is no use without.

    Of the patterns in one string of ``needed``, parted by ``|``, any will do.
    """

    repository: str
    kind: str
    wanted: tuple[str, ...]
    needed: tuple[str, ...]
    revision: str = MAIN

    @property
    def commit(self) -> str:
        """The commit that is in the cache under this revision; "" where there is none."""
        folder = self.cached
        return folder.name if folder is not None else self.revision if _asked(self).pinned else ""

    @property
    def cached(self) -> Path | None:
        """The folder of these files in the cache, or None where they are not there, or not all of them."""
        try:
            folder = Path(self._snapshot(local_files_only=True))
        except (FileNotFoundError, ValueError):
            return None
        found = all(any(_files(folder, pattern) for pattern in needed.split("|")) for needed in self.needed)
        return folder if found and _has_all_shards(folder, self.wanted) else None

    def fetch(self, bar: "type[tqdm[Any]]" = tqdm, newest: bool = False) -> Path:
        """Return the folder of these files, after fetching what is not in the cache.

        What the cache has under a branch may be an older commit; with ``newest`` it is the one that the hub has now.
        A connection that breaks is taken up again some times. What came is kept, and the next fetch goes on with it.
        ``bar`` is the class of the progress bar, in bytes of all files.

        Raises:
            HubUnreachableError: the hub fails on the way; the message says how, and what to do.
            DiskFullError: there is no room for them.
        """
        found = self.cached
        if found is not None and (_asked(self).pinned or not newest):
            return found
        try:
            about = ask(_asked(self), self.kind, sizes=True)
            commit = str(about.sha)
            fetch_missing(Wanted(self.repository, self.kind, commit, _endpoint(), self.wanted), about, bar)
            found = replace(self, revision=commit).cached
            if found is None:
                raise HubUnreachableError(
                    f"{self.repository} ({commit[:12]}) lacks what is needed: {', '.join(self.needed)}. Choose "
                    "another repository or revision."
                )
            # Last, so that until then the revision means the older copy, which is whole.
            keep_revision(self.repository, self.kind, self.revision, commit)
        except FinsentError:
            raise
        except Exception as error:
            # The client lets errors of its HTTP library through, which share no base class but this.
            raise fault(error, _asked(self), _endpoint()) from error
        return found

    def _snapshot(self, local_files_only: bool) -> str:
        return huggingface_hub.snapshot_download(
            self.repository,
            repo_type=self.kind,
            revision=self.revision,
            allow_patterns=list(self.wanted),
            local_files_only=local_files_only,
        )


def ask(asked: HubId, kind: str = "model", sizes: bool = False) -> ModelInfo | DatasetInfo:
    """Return what the hub says of a repository, of its files with ``sizes`` in bytes; errors are the client's own."""
    api = huggingface_hub.HfApi(endpoint=_endpoint())
    call = api.model_info if kind == "model" else api.dataset_info
    try:
        said = call(asked.repository, revision=asked.revision, timeout=ANSWER_SECONDS, files_metadata=sizes)
    except HTTPError as error:
        # A refusal is an answer.
        _answers[_endpoint()] = (time.monotonic(), isinstance(error, HfHubHTTPError))
        raise
    _answers[_endpoint()] = (time.monotonic(), True)
    return said


def look_up(asked: HubId, kind: str = "model") -> ModelInfo | DatasetInfo:
    """Return :func:`ask` with sizes; what goes wrong is a sentence.

    Raises:
        HubUnreachableError: the hub does not give it; where it is of the other kind, the message says so.
    """
    try:
        return ask(asked, kind, sizes=True)
    except Exception as error:
        other = "dataset" if kind == "model" else "model"
        if isinstance(error, RepositoryNotFoundError) and _is_there(asked, other):
            raise HubUnreachableError(
                f"{asked.repository} is a {_KINDS[other]}, not a {_KINDS[kind]}. Give it as --{_OPTIONS[other]}."
            ) from error
        # The client lets errors of its HTTP library through, which share no base class but this.
        raise fault(error, asked, _endpoint(), typed=True) from error


def _is_there(asked: HubId, kind: str) -> bool:
    try:
        ask(HubId(asked.repository), kind)
    except Exception:
        # Whatever it is, it is no help.
        return False
    return True


def _asked(files: HubFiles) -> HubId:
    return HubId(files.repository, files.revision)


_TOKENIZER_FILES = ("*.json", "*.txt", "*.jinja")


def model_files(asked: HubId) -> HubFiles:
    """Return what is fetched of a model: configuration, tokenizer, and weights as safetensors."""
    needed = ("config.json", "tokenizer*", "*.safetensors")
    return HubFiles(asked.repository, "model", (*_TOKENIZER_FILES, "*.safetensors"), needed, asked.revision)


def tokenizer_files(asked: HubId) -> HubFiles:
    """Return what is fetched of a model to look at its configuration and its tokens."""
    return HubFiles(asked.repository, "model", _TOKENIZER_FILES, ("config.json", "tokenizer*"), asked.revision)


def adapter_files(asked: HubId) -> HubFiles:
    """Return what is fetched of a repository with a PEFT adapter, or with a trainer's checkpoints of one."""
    needed = ("adapter_config.json", "adapter_model.safetensors")
    about = ("*finsent.json", "*trainer_state.json", "*tokenizer.json")
    return HubFiles(asked.repository, "model", (*(f"*{name}" for name in needed), *about), needed, asked.revision)


QWEN3_TOKENIZER = tokenizer_files(HubId(QWEN3_REPOSITORY))
QWEN3_MODEL = model_files(HubId(QWEN3_REPOSITORY))
SUJET_FILES = HubFiles(HUB_DATASET, "dataset", ("*",), ("*.parquet|*.csv|*.jsonl|*.json",))


def sujet_is_prepared() -> bool:
    """Whether ``datasets`` keeps the hub's data as a table that it prepared before."""
    folder = Path(os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets")
    return any(folder.glob("sujet-ai___sujet-finance-instruct-177k/*/*/*/dataset_info.json"))


def sujet_is_cached() -> bool:
    """Whether the hub's data can be read without the network."""
    return sujet_is_prepared() or SUJET_FILES.cached is not None


def cached_names() -> tuple[str, ...]:
    """Return what of the hub can be used without the network, by the names that the pages call it."""
    found = {QWEN3_REPOSITORY: QWEN3_MODEL.cached is not None, HUB_DATASET: sujet_is_cached()}
    return tuple(repository.partition("/")[2] for repository, here in found.items() if here)


def hub_answers() -> bool:
    """Whether a connection to the model hub opens within three seconds; the answer is remembered for a minute.

    The hub's own client retries for minutes when the network is down, so it is asked only after this. Respects
    ``HF_HUB_OFFLINE``, ``HF_ENDPOINT`` and ``HTTPS_PROXY`` (whose proxy is asked for then).
    """
    known = last_answer()
    if known is None:
        known = _probe(_endpoint())
        _answers[_endpoint()] = (time.monotonic(), known)
    return known


def last_answer() -> bool | None:
    """Return whether the hub answered, without asking it; None where nobody asked within the last minute."""
    if any(os.environ.get(switch, "").upper() in constants.ENV_VARS_TRUE_VALUES for switch in _OFFLINE_SWITCHES):
        return False
    asked, answer = _answers.get(_endpoint(), (0.0, None))
    return answer if time.monotonic() - asked < _PROBE_LIFETIME_SECONDS else None


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or HUB_ENDPOINT


def _probe(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    if not proxy_bypass(address.hostname or ""):
        # Behind a proxy the hub's client speaks to that alone.
        address = urlsplit(getproxies().get(address.scheme, endpoint))
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


def _files(folder: Path, pattern: str) -> list[Path]:
    # A link whose file was removed from the cache is there, and no file.
    return [file for file in folder.rglob(pattern) if file.is_file()]


def _has_all_shards(folder: Path, wanted: tuple[str, ...]) -> bool:
    """Whether every file of weights that an index names is there; a download may have been cut off."""
    if "*.safetensors" not in wanted:
        return True
    shards = {name for index in _files(folder, "*.safetensors.index.json") for name in _shards(index)}
    return all((folder / name).is_file() for name in shards)


def _shards(index: Path) -> set[str]:
    return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
