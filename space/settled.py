"""Damaged shard files that nothing is needed of any more, known by what is in the place itself.

So every machine that sees the same bytes says the same of them: whoever repaired leaves a note,
which names the damaged bytes by their hash. Other bytes under that name are another matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from pail import CID, RAW, encode_dag_cbor
from pail.cid import cid_prefix
from space.damage import Examination
from space.index import Index
from space.intake import accounts_for_all, listed_slices
from space.layout import SETTLED_SUFFIX, SHARDS, shard_of_name
from space.place import Entry, Place
from space.sorting import COUNTED
from space.stock import chunks

VERSION = 1


def is_settled(place: Place, index: Index, entry: Entry, rest: Examination) -> bool:
    """Whether nothing is needed of a file that is not whole, as the place shows it.

    Its good blocks are all in whole shards, and so is whatever else its index object lists, or a
    repair has given that up. Raises FileNotFoundError.
    """
    if not _stand_elsewhere(index, {good.cid[-32:] for good in rest.good}):
        return False
    shard = shard_of_name(entry.name)
    listed = None if shard is None else listed_slices(place, shard)
    is_copied = (
        listed is not None
        and accounts_for_all(listed)
        and _stand_elsewhere(index, {multihash[-32:] for multihash, _, _ in listed.slices})
    )
    return is_copied or _is_noted(place, entry)


def _is_noted(place: Place, entry: Entry) -> bool:
    """Whether a repair left word that it was done with these very bytes."""
    name, content = _note(place, entry)
    return place.keeps_parity and place.load(SHARDS, name, len(content)) == content


def note_settled(place: Place, entry: Entry) -> None:
    """Leave word that all that is good in the file is elsewhere, and the rest given up.

    At a provider, where nothing lies beside a shard, none is left. Raises SpaceFull, SpaceUnavailable.
    """
    name, content = _note(place, entry)
    if place.keeps_parity and place.load(SHARDS, name, len(content)) != content:
        place.store(SHARDS, name, content)


def _note(place: Place, entry: Entry) -> tuple[str, bytes]:
    """The name and the bytes of the note on a file as it rests now."""
    shard, hashed = shard_of_name(entry.name), hashlib.sha256()
    assert shard is not None
    for chunk in chunks(place.open(SHARDS, entry)):
        hashed.update(chunk)
    damaged = CID(cid_prefix(RAW) + hashed.digest())
    content = encode_dag_cbor({"version": VERSION, "shard": shard, "damaged": damaged})
    return f"{shard}.{damaged}{SETTLED_SUFFIX}", content


def _stand_elsewhere(index: Index, digests: Collection[bytes]) -> bool:
    """Whether each block is in a shard that is whole and stays."""
    counted = {row.row for row in index.shards().values() if row.state in COUNTED}
    found = index.find(digests)
    return all(any(slot.shard in counted for slot in found.get(digest, ())) for digest in digests)
