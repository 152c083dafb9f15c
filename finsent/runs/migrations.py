"""Records of runs that older versions wrote, brought to the present form in memory.

The file itself stays as it is until the run changes. Each migration brings a record from one schema version to the
next; a change of what ``run.json`` holds adds one, and raises ``SCHEMA_VERSION``.
"""

from collections.abc import Callable
from typing import Any

from finsent.recipe import Recipe, without_removed
from finsent.runs.record import SCHEMA_VERSION

Record = dict[str, Any]


def _to_2(record: Record) -> Record:
    """Settings that recipes no longer have stand beside the recipe, where they did something."""
    recipe, removed = without_removed(record["recipe"])
    return record | {"recipe": recipe, "removed_settings": record.get("removed_settings", {}) | removed}


def _to_3(record: Record) -> Record:
    """A run may belong to a group or be an average of others; older ones were launched alone and trained."""
    return record | {"group": None, "averaged": ()}


#: The first brings version 1 to version 2, and so on.
MIGRATIONS: tuple[Callable[[Record], Record], ...] = (_to_2, _to_3)


class NewerRecordError(ValueError):
    """A record is of a version that this finsent does not know yet; the message is a part of a sentence."""


def migrated(record: Any) -> Record:
    """Return a record as this version writes it.

    A setting that the recipe does not know stands among the removed ones, since nobody knows what it did.

    Raises:
        NewerRecordError: it is of a newer version.
        ValueError: it is no record of a run at all; the message is a part of a sentence.
    """
    if not isinstance(record, dict) or not isinstance(record.get("recipe"), dict):
        raise ValueError("it is no record of a run with its recipe")
    if not isinstance(record.get("removed_settings", {}), dict):
        raise ValueError("its removed_settings are no settings")
    version = record.get("schema_version", 1)
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"its schema_version is {version!r}, and not a number from 1 on")
    if version > SCHEMA_VERSION:
        raise NewerRecordError(
            f"was written by a newer version of finsent (its record has version {version}, this one reads up to "
            f"{SCHEMA_VERSION})"
        )
    new: Record = record
    for migration in MIGRATIONS[version - 1 :]:
        new = migration(new)
    known = {name: value for name, value in new["recipe"].items() if name in Recipe.model_fields}
    unknown = {name: value for name, value in new["recipe"].items() if name not in known}
    removed = new.get("removed_settings", {}) | unknown
    return new | {"recipe": known, "removed_settings": removed, "schema_version": SCHEMA_VERSION}
