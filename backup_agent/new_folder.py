"""Where no space is made: what a slip in a path would name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from space import SpaceUnavailable
from space.layout import SHARDS, SPACE_SUFFIX, shard_of_name

MAX_LOOKED_AT = 10_000
"""Names looked at in one folder."""


def expect_folder(place: Path) -> None:
    """Raise SpaceUnavailable if a file is there."""
    if place.exists() and not place.is_dir():
        raise SpaceUnavailable(f"{place} is a file, not a folder; name the folder of a space with --space")


def expect_parent(place: Path) -> None:
    """Raise SpaceUnavailable if `place` would need folders made above it: a disk that is not mounted."""
    if not place.parent.exists():
        why = f"{place.parent} is not there; is the disk mounted? Make the folder if you mean it"
        raise SpaceUnavailable(f"no space can be made in {place}: {why}")


def expect_none_below(place: Path) -> None:
    """Raise SpaceUnavailable if a folder in `place`, which holds none, is a space: `D` for `D/pail`."""
    for below in _folders(place):
        if any(name.endswith(SPACE_SUFFIX) for name in _names(below)) or any(
            shard_of_name(name) for name in _names(below / SHARDS)
        ):
            raise SpaceUnavailable(
                f"{place} holds no space, and {below} does: name that with --space, or an empty folder "
                "for a new one"
            )


def _folders(place: Path) -> Iterator[Path]:
    """Not those that begin with a dot, where sync clients keep what was there before."""
    for name in _names(place):
        if not name.startswith(".") and (place / name).is_dir():
            yield place / name


def _names(folder: Path) -> list[str]:
    """Sorted; none of a folder that is not there or is closed to this user."""
    try:
        with os.scandir(folder) as found:
            return sorted(entry.name for entry in islice(found, MAX_LOOKED_AT))
    except OSError:
        return []
