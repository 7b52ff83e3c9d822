"""What the bytes in the folder of a space are, by kind of block."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pail import CID, DAG_CBOR, decode_dag_cbor
from pail.car import CarReader

BLOBS = "blobs"
FRAMES = "CIDs and lengths in CAR shards"
INDEXES = "index objects"
OTHERS = "head objects and .space"

_FIELDS = {
    "$type": "records",
    "e": "MST nodes",
    "certificate": "Backups",
    "signingKey": "certificates",
    "didDocument": "identity",
    "parents": "events",
    "data": "commits",
}
"""The first of these that a block of DAG-CBOR has says what it is."""


def bytes_by_kind(files: Iterable[Path]) -> Counter[str]:
    """The bytes of each kind in these files of a space."""
    sizes = Counter[str]()
    for path in files:
        content = path.read_bytes()
        if path.suffix != ".car":
            sizes[INDEXES if path.suffix == ".idx" else OTHERS] += len(content)
            continue
        blocks = CarReader().feed(content)
        for cid, data in blocks:
            sizes[_kind(cid, data)] += len(data)
        sizes[FRAMES] += len(content) - sum(len(data) for _, data in blocks)
    return sizes


def _kind(cid: CID, data: bytes) -> str:
    if cid.codec != DAG_CBOR:
        return "identity" if _is_json(data) else BLOBS
    value: dict[str, Any] = decode_dag_cbor(data)
    if "keyChars" in value:
        keys = value["prefix"] or value["entries"][0][0] if value["entries"] else ""
        return "pail of snapshots" if keys.startswith("d") else "pails of blobs"
    return next(kind for name, kind in _FIELDS.items() if name in value)


def _is_json(data: bytes) -> bool:
    """The identity is JSON as received; what the account shows is noise."""
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
