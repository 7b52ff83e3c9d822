"""The names in a space's folder, as spec/space.md lists them.

Every name is legal on Windows and OneDrive too, so none has a colon: an agent's head object is
named by the multibase part of its did:key alone. Sync clients name conflict copies in their own
ways, all of which keep the start of the name; so a shard is known by the CID its name starts with.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from pail import CAR, CID, DecodeError, parse_cid

SHARDS = "shards"
HEADS = "heads"
SHARD_SUFFIX = ".car"
PACKED_SUFFIX = ".car.zst"
INDEX_SUFFIX = ".car.idx"
HEAD_SUFFIX = ".head"
SPACE_SUFFIX = ".space"
PARITY_SUFFIX = ".par"
SETTLED_SUFFIX = ".settled"
MARK_SUFFIX = ".mark"
LEASE_SUFFIX = ".lease"

SMALL_SHARD_BYTES = 4 << 20
"""Up to so many plain bytes a shard that rests packed is one frame and has no index object."""

_TEMPORARY = "~skypail-{home}-{random}.tmp"
_STARTS_WITH_CID = re.compile(r"(b[a-z2-7]+)(?![A-Za-z0-9])")
_DID_KEY = re.compile(r"did:key:(z[1-9A-HJ-NP-Za-km-z]{1,200})")


def shard_name(cid: CID, *, packed: bool = False) -> str:
    """The file of the CAR shard `cid`; of one that rests in frames, if it is `packed`."""
    return f"{cid}{PACKED_SUFFIX if packed else SHARD_SUFFIX}"


def index_name(cid: CID) -> str:
    """The file of the index that lists the blocks of the CAR shard `cid`."""
    return f"{cid}{INDEX_SUFFIX}"


def shard_of_name(name: str) -> CID | None:
    """The CAR shard that a file claims to be, conflict copies included; None for any other file."""
    start = _STARTS_WITH_CID.match(name)
    if not start or not name.endswith((SHARD_SUFFIX, PACKED_SUFFIX)):
        return None
    try:
        cid = parse_cid(start[1])
    except DecodeError:
        return None
    return cid if len(cid) == 37 and cid.codec == CAR and cid[-34:-32] == b"\x12\x20" else None


def did_key_part(did: str) -> str:
    """The multibase part of a did:key, which names its files. Raises ValueError for another DID."""
    match = _DID_KEY.fullmatch(did)
    if not match:
        raise ValueError(f"not a did:key: {did[:80]!r}")
    return match[1]


def temporary(folder: Path, home: str) -> Path:
    """A fresh name for a file that is being written: of the kind that sync clients leave alone.

    Dropbox skips `~*.tmp`, iCloud and OneDrive `*.tmp`. Where it is synced after all, `home` tells
    another machine that the file is not its own to clean up: it would delete it here as well.
    """
    return folder / _TEMPORARY.format(home=home, random=secrets.token_hex(8))


def is_temporary_of(name: str, home: str) -> bool:
    """Whether a process of this home made the file that is, or was, being written."""
    return name.startswith(f"~skypail-{home}-") and name.endswith(".tmp")
