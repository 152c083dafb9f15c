"""What a person decides about a file: its columns, what its labels mean, whether rows may be left out."""

import csv
import math
from dataclasses import dataclass, fields
from typing import Any

from finsent.data.formats.vocabulary import plain
from finsent.errors import UsageError
from finsent.labels import FIVE_LABELS


@dataclass(frozen=True)
class Choices:
    """Choices about a source, each as a recipe and the command line give it; blank where nothing was chosen.

    ``labels`` is like ``0=negative,1=neutral,2=positive``, ``thresholds`` like ``-0.3,0.3``: below the first a score
    is negative, above the second positive, and from one to the other neutral. With ``leave_out`` the rows that cannot
    be used are left out; without it they stop the reading. ``configuration`` and ``source_split`` are the part of a
    data set of the hub that is meant.
    """

    text_column: str = ""
    label_column: str = ""
    labels: str = ""
    thresholds: str = ""
    leave_out: bool = False
    configuration: str = ""
    source_split: str = ""

    @property
    def mapping(self) -> dict[str, str]:
        """What each value stands for, by :func:`label_key`.

        Raises:
            UsageError: ``labels`` cannot be read, or names what is no label.
        """
        found: dict[str, str] = {}
        for part in next(csv.reader([self.labels], skipinitialspace=True), []):
            value, equals, label = part.rpartition("=")
            if not equals or plain(label) not in FIVE_LABELS:
                raise UsageError(
                    f"“{part[:60]}” says of no value what it means. Labels are given like 0=negative,1=neutral, and "
                    f"are {', '.join(FIVE_LABELS)}."
                )
            if found.get(label_key(value), plain(label)) != plain(label):
                raise UsageError(f"The labels give “{value[:40]}” two meanings. Give it one.")
            found[label_key(value)] = plain(label)
        return found

    @property
    def cuts(self) -> tuple[float, float] | None:
        """The two thresholds, or None where there are none.

        Raises:
            UsageError: they are not two numbers, the lower one first.
        """
        if not self.thresholds.strip():
            return None
        parts = self.thresholds.split(",")
        try:
            low, high = map(float, parts)
        except ValueError:
            low = high = math.nan
        if not low <= high or math.isinf(low) or math.isinf(high):
            raise UsageError(
                f"Thresholds are two numbers like -0.3,0.3, the lower first, not “{self.thresholds[:40]}”."
            )
        return low, high


NOTHING_CHOSEN = Choices()
#: The settings of a recipe that are choices about its source.
CHOSEN = tuple(field.name for field in fields(Choices))


def choices_of(settings: Any) -> Choices:
    """Return the choices in a recipe, or in a command's options, of which some may be missing or None."""
    return Choices(**{name: getattr(settings, name, None) or getattr(NOTHING_CHOSEN, name) for name in CHOSEN})


def label_key(value: str) -> str:
    """Return what a value is compared by: numbers by what they are (``1.0`` is ``1``), words without case and space."""
    words = plain(value).replace("−", "-")
    try:
        number = float(words.replace(",", ".") if words.count(",") == 1 else words)
    except ValueError:
        return words
    return f"{number:.12g}" if math.isfinite(number) else words


def written(mapping: dict[str, str]) -> str:
    """Return a mapping as ``labels`` has it, values with a comma quoted."""
    parts = [f"{value}={label}" for value, label in mapping.items()]
    return ",".join(f'"{part}"' if "," in part else part for part in parts)
