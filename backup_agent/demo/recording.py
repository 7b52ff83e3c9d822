"""The recorded account: what the reference PDS answered, kept as files beside this module."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from backup_agent.demo.k256 import K256Key

ACCOUNT = Path(__file__).parent / "account"

Json = dict[str, Any]


class Revision(NamedTuple):
    """One commit of the repository, and all of it as a CAR."""

    cid: str
    rev: str
    car: bytes


@dataclass(frozen=True, slots=True)
class Recording:
    """An account at two commits: the second adds one post to the first."""

    did: str
    handle: str
    password: str
    rotation_key: K256Key
    """The first of the DID's rotation keys; public, since it guards nothing."""

    first: Revision
    second: Revision
    delta: bytes
    """The CAR of what the second commit adds to the first."""

    plc_log: list[Json]
    preferences: bytes
    blobs: dict[str, str]
    """CID -> MIME type."""

    folder: Path

    def blob(self, cid: str) -> bytes:
        return (self.folder / "blobs" / cid).read_bytes()


def load_recording(folder: Path = ACCOUNT) -> Recording:
    """The recording in `folder`, in the layout that its README names."""
    meta = json.loads((folder / "meta.json").read_text())
    first, second = meta["commits"]
    return Recording(
        did=meta["did"],
        handle=meta["handle"],
        password=meta["password"],
        rotation_key=K256Key(bytes.fromhex(meta["rotationKey"])),
        first=Revision(first["cid"], first["rev"], (folder / "repo.car").read_bytes()),
        second=Revision(second["cid"], second["rev"], (folder / "repo-2.car").read_bytes()),
        delta=(folder / "delta.car").read_bytes(),
        plc_log=json.loads((folder / "plc-audit.json").read_bytes()),
        preferences=(folder / "preferences.json").read_bytes(),
        blobs={blob["cid"]: blob["mimeType"] for blob in meta["blobs"]},
        folder=folder,
    )
