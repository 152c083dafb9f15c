"""Numbers of bytes as people say them, in the unit that fits; units are of 1,000."""

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
#: From here on three digits would be rounded to a thousand of a unit.
_NEXT = 999.5


def fitting_unit(size: float) -> tuple[float, str]:
    """Return how many bytes the unit that fits a size has, and its name, for columns and axes in one unit."""
    place = 0
    while size >= _NEXT * 1000.0**place and place < len(_UNITS) - 1:
        place += 1
    return 1000.0**place, _UNITS[place]


def size_words(size: float) -> str:
    """Return a number of bytes with three digits: ``812 bytes``, ``3.14 KB``, ``26.9 MB``, ``269 MB``, ``1.52 GB``."""
    per_unit, unit = fitting_unit(size)
    value = size / per_unit
    digits = 0 if unit == "bytes" or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f} {unit}"
