"""Where blocks live: CAR shards with an index, and the folder clock."""

from space.clock import Clock, Head
from space.errors import (
    BadAddress,
    BadHeadObject,
    CorruptBlock,
    HeadOvertaken,
    NoSpace,
    NotReadable,
    PruneBegan,
    SpaceError,
    SpaceFull,
    SpaceUnavailable,
    StageClosed,
)
from space.files import LOCAL_FILES, Files, LocalFiles
from space.folder_clock import ClockReport, FolderClock
from space.opening import Where, open_folder, open_space, parse_where
from space.place import Place
from space.report import Damage, Published, SpaceReport
from space.space import Space
from space.stage import Stage

__all__ = [
    "LOCAL_FILES",
    "BadAddress",
    "BadHeadObject",
    "Clock",
    "ClockReport",
    "CorruptBlock",
    "Damage",
    "Files",
    "FolderClock",
    "Head",
    "HeadOvertaken",
    "LocalFiles",
    "NoSpace",
    "NotReadable",
    "Place",
    "PruneBegan",
    "Published",
    "Space",
    "SpaceError",
    "SpaceFull",
    "SpaceReport",
    "SpaceUnavailable",
    "Stage",
    "StageClosed",
    "Where",
    "open_folder",
    "open_space",
    "parse_where",
]
