"""Which replay takes which vector file, told from what the file holds."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from spec.replay.report import Report, Vectors

Replay = Callable[[Vectors, Report], None]

# A class, and sections of which only its files have any. `cases` are told apart by their parts.
_SECTIONS = {
    "pail": {"put_del", "order_independence", "diffs", "merges", "js_bugs", "empty_root"},
    "unixfs": {"files", "small_car", "two_shards", "directories"},
    "http": {"exchanges"},
    "ucan": {"delegations", "validation", "signers"},
    "clock": {"encodings"},
}

_MODULES = {
    "pail": "spec.replay.pail_map",
    "clock": "spec.replay.clock",
    "crdt": "spec.replay.crdt",
    "unixfs": "spec.replay.unixfs",
    "ucan": "spec.replay.ucan",
    "http": "spec.replay.http",
}


class NoReplay(Exception):
    """No replay for this file; the message says why."""


def class_of(vectors: Vectors) -> str:
    """The class of a vector file. Raises NoReplay if it is none that is known."""
    match vectors:
        case {"cases": [{"steps": _}, *_]}:
            return "crdt"
        case {"cases": [{"runs": _}, *_]}:
            return "clock"
        case {**sections}:
            names = [name for name, own in _SECTIONS.items() if own & sections.keys()]
            return names[0] if names else _unknown()
        case _:
            return _unknown()


def _unknown() -> NoReturn:
    raise NoReplay("not a vector file of a known class")


def replay_of(vectors: Vectors) -> Replay:
    """The replay of a vector file. Raises NoReplay."""
    name = class_of(vectors)
    if name not in _MODULES:
        raise NoReplay(f"vectors of class {name} have no replay yet")
    return import_module(_MODULES[name]).replay
