"""Data sets of the model hub: which configurations and splits one has, how large they are, and their files here.

The library ``datasets`` says which file belongs to which configuration and split, from the files' names and the card's
metadata, as it does when it loads a data set itself. It is shown empty files of these names: nothing is fetched for it.
"""

import glob
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from huggingface_hub import DatasetCardData, DatasetInfo
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from finsent.data.formats.kinds import SUFFIXES
from finsent.errors import DataError, DiskFullError, SourceNotFoundError, first_line
from finsent.files import read_json, write_atomically
from finsent.hub import HubFiles, look_up
from finsent.hub_fetch import keep_revision
from finsent.hub_ids import SCHEME, HubId, looks_like_id, names_repository, parse_id
from finsent.machine import cache_dir
from finsent.sizes import size_words

#: Data sets of more files are not of the kind that finsent reads.
_MOST_FILES = 10_000
_CARD = "README.md"


class HubSet(BaseModel):
    """A data set on the hub at one commit, before any of its rows are fetched.

    ``parts`` has for each configuration and split its files, as far as finsent reads their kind, and ``sizes`` their
    bytes; ``default`` is the configuration that is meant where none is said, or "".
    """

    model_config = ConfigDict(frozen=True)

    repository: str
    revision: str
    commit: str
    parts: dict[str, dict[str, tuple[str, ...]]]
    sizes: dict[str, int]
    default: str = ""
    licence: str = ""
    gated: bool = False

    @property
    def asked(self) -> HubId:
        """What was asked for."""
        return HubId(self.repository, self.revision)

    @property
    def name(self) -> str:
        """The name under which a run keeps it, with its commit."""
        return f"{self.repository}@{self.commit}"

    @property
    def sentences(self) -> list[str]:
        """What a person wants to know before it is fetched, one fact a sentence."""
        return [
            f"{self.repository}, commit {self.commit[:12]} ({self.revision}).",
            f"Licence: {self.licence}." if self.licence else "It names no licence: ask its owner before you use it.",
            "It is gated: its owner gives it to those who accept its terms."
            if self.gated
            else "Everybody may fetch it.",
            *(self._about(configuration) for configuration in self.parts),
        ]

    def _about(self, configuration: str) -> str:
        splits = self.parts[configuration]
        words = [f"{split} {size_words(self._bytes(files))}" for split, files in splits.items()]
        return f"Configuration {configuration}: {', '.join(words)}."

    def _bytes(self, files: tuple[str, ...]) -> int:
        return sum(self.sizes[file] for file in files)


@dataclass(frozen=True)
class Part:
    """What is read of a data set: a configuration, and of its splits one or, where ``split`` is "", all."""

    found: HubSet
    configuration: str
    split: str

    @property
    def files(self) -> dict[str, str]:
        """The split of each file."""
        splits = self.found.parts[self.configuration]
        return {file: name for name, files in splits.items() if self.split in ("", name) for file in files}

    @property
    def bytes(self) -> int:
        """The size of its files."""
        return sum(self.found.sizes[file] for file in self.files)

    @property
    def cached(self) -> Path | None:
        """The folder of its files in the hub client's cache, or None where not all of them are there."""
        return self._hub_files.cached

    def fetch(self, bar: "type[tqdm[Any]]" = tqdm) -> Path:
        """Return the folder of its files, after fetching what is not there.

        Raises:
            HubUnreachableError, DiskFullError: as :meth:`finsent.hub.HubFiles.fetch`.
        """
        folder = self._hub_files.fetch(bar)
        _remember(self.found)
        return folder

    @property
    def _hub_files(self) -> HubFiles:
        # A name may have marks of a pattern.
        names = tuple(glob.escape(file) for file in self.files)
        return HubFiles(self.found.repository, "dataset", names, names, self.found.commit)


def may_name_data_set(source: str) -> bool:
    """Whether a source can mean a data set of the hub, by its letters alone: ``owner/name[@revision]``.

    What ends like a file that finsent reads is one, unless it begins with ``hf://``.
    """
    return source.startswith(SCHEME) or looks_like_id(source) and PurePosixPath(source).suffix.lower() not in SUFFIXES


def names_data_set(source: str) -> bool:
    """Whether a source means a data set of the hub: it can, and nothing on this machine has that name."""
    return may_name_data_set(source) and names_repository(source)


def find_set(source: str) -> HubSet:
    """Return a data set by its name: as it was found before, if it is here, or as the hub has it now.

    Raises:
        SourceNotFoundError: it can be the name of none.
        HubUnreachableError: it is not here, and the hub does not give it.
        DataError: it has nothing that finsent reads.
    """
    asked = parse_id(source, SourceNotFoundError, "data set")
    return known_set(source) or _set_of(asked, cast(DatasetInfo, look_up(asked, "dataset")))


def known_set(source: str) -> HubSet | None:
    """Return a data set as it was found before, without asking the hub; None where it was not."""
    asked = parse_id(source, SourceNotFoundError, "data set")
    commit = HubFiles(asked.repository, "dataset", ("*",), (), asked.revision).commit
    try:
        found = HubSet.model_validate(read_json(_file(asked.repository, commit)))
    except (OSError, ValueError):
        # There is none, or it cannot be read, and then asking again is all that can be done.
        return None
    return found.model_copy(update={"revision": asked.revision})


def _remember(found: HubSet) -> None:
    """Keep what was found, so that the files that are here are known without the hub, by their branch, too."""
    file = _file(found.repository, found.commit)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, found.model_dump_json())
    except OSError as error:
        raise DiskFullError(f"{file} cannot be written ({error.strerror}). Free some room, and try again.") from error
    keep_revision(found.repository, "dataset", found.revision, found.commit)


def _file(repository: str, commit: str) -> Path:
    return cache_dir() / "data-sets" / f"{repository.replace('/', '--')}--{commit}.json"


def _set_of(asked: HubId, about: DatasetInfo) -> HubSet:
    sizes = {one.rfilename: one.size or 0 for one in about.siblings or []}
    card: dict[str, Any] = vars(about.card_data) if about.card_data else {}
    _check_names(asked, sizes, card)
    parts, default = _parts(asked, list(sizes), card)
    files = {file for splits in parts.values() for files in splits.values() for file in files}
    licence = card.get("license") or ""
    return HubSet(
        repository=asked.repository,
        revision=asked.revision,
        commit=str(about.sha),
        parts=parts,
        sizes={file: sizes[file] for file in sorted(files)},
        default=default,
        licence=", ".join(licence) if isinstance(licence, list) else str(licence),
        gated=bool(about.gated),
    )


def _check_names(asked: HubId, names: dict[str, int], card: dict[str, Any]) -> None:
    """Refuse names and patterns that would lead out of the data set: to other folders, or to other hosts."""
    if len(names) > _MOST_FILES:
        raise DataError(
            f"{asked.repository} has {len(names):,} files; finsent reads data sets of {_MOST_FILES:,} at most. "
            "Download it, and give the file that you mean."
        )
    for text in [*names, *_texts(card.get("configs"))]:
        if "://" in text or "::" in text or text.startswith(("/", "~")) or ".." in PurePosixPath(text).parts:
            raise DataError(
                f"{asked.repository} names files outside itself (“{text[:100]}”), which are not fetched. Choose "
                "another data set."
            )


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [str(value)] if value is not None else []


def _parts(asked: HubId, names: list[str], card: dict[str, Any]) -> tuple[dict[str, dict[str, tuple[str, ...]]], str]:
    """Return the files of each configuration and split, and the configuration that is meant by default, or ""."""
    from datasets import get_dataset_config_names, get_dataset_default_config_name, load_dataset_builder

    with tempfile.TemporaryDirectory(prefix="finsent-") as scratch:
        folder, cache = Path(scratch).resolve() / "names", Path(scratch) / "cache"
        try:
            _lay_out(folder, names, card)
            parts = {}
            for configuration in get_dataset_config_names(str(folder)):
                builder = load_dataset_builder(str(folder), name=configuration, cache_dir=str(cache))
                parts[configuration] = _splits(builder.config.data_files or {}, folder)
            default = get_dataset_default_config_name(str(folder)) or ""
        except Exception as error:
            # It says what is wrong with a card or with names by many classes of error.
            raise DataError(
                f"The library datasets finds no rows in {asked.repository} ({first_line(error)}). Choose another data "
                "set, or download it and give the file that you mean."
            ) from error
    parts = {configuration: splits for configuration, splits in parts.items() if splits}
    if not parts:
        raise DataError(
            f"{asked.repository} has no file of a kind that finsent reads: {', '.join(SUFFIXES)}. Choose another data "
            "set."
        )
    return parts, default if default in parts else ""


def _lay_out(folder: Path, names: list[str], card: dict[str, Any]) -> None:
    """Make empty files of these names, and the card's lines about configurations."""
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / _CARD).unlink(missing_ok=True)
    if card.get("configs"):
        (folder / _CARD).write_text(
            f"---\n{DatasetCardData(configs=card['configs']).to_yaml()}\n---\n", encoding="utf-8"
        )


def _splits(data_files: dict[Any, list[str]], folder: Path) -> dict[str, tuple[str, ...]]:
    splits = {}
    for split, files in data_files.items():
        named = [Path(file).relative_to(folder).as_posix() for file in files]
        read = tuple(file for file in named if PurePosixPath(file).suffix.lower() in SUFFIXES)
        if read:
            splits[str(split)] = read
    return splits
