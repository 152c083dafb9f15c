"""The one way of figures to JSON and back."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from finsent.errors import FiguresFormatError

T = TypeVar("T")


def to_json(figures: Any) -> dict[str, Any]:
    """Return figures (a value of :mod:`finsent.metrics.figures`) as plain values for JSON, field by field."""
    return dict(_adapter(figures.__class__).dump_python(figures, mode="json"))


def from_json(kind: type[T], values: Mapping[str, Any], where: str, remedy: str = "") -> T:
    """Return figures of a kind from their plain values; ``where`` is what messages call the place they come
    from, ``remedy`` a sentence on what to do.

    Raises:
        FiguresFormatError: a key is missing or unknown, or a value is of another kind.
    """
    try:
        figures: T = _adapter(cast(Any, kind)).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise FiguresFormatError(
            f"The figures in {where} are not in the form of this version: {place}: {first['msg'].lower()}. They were "
            f"written by another version or changed by hand. {remedy}".rstrip()
        ) from error
    return figures


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
