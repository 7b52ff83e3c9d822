"""Snapshots made by hand: whole ones, signed and certified, in milliseconds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from backup_agent.catalogue import Entry, entries
from backup_agent.progress import Unwatched
from backup_agent.prune.prune import Job
from backup_agent.snapshot import (
    Backup,
    Certificate,
    Identity,
    encode_backup,
    encode_identity,
    format_timestamp,
    issue_certificate,
    snapshot_key,
)
from backup_agent.verify import verify_snapshot
from bench.make_repo import START, did_key, sign_commit, tid
from bench.tree_builder import build_tree, put_value
from pail import CID, RAW, Block, cid_of, crdt, run
from pail import map as pail_map
from pail.unixfs import FileWriter
from space import LOCAL_FILES, Files, FolderClock, Space, open_folder
from space.bucket.opening import open_bucket
from ucan import Signer

ACCOUNTS = [f"did:plc:{letter * 24}" for letter in "abc"]
KEY = ec.derive_private_key(7, ec.SECP256K1())
SPACE = Signer.from_seed(b"space".ljust(32, b"."))
HOUR_MS = 3600_000
FIRST_MS = 1_579_075_200_000  # 2020-01-15T08:00:00Z


@dataclass
class Machine:
    """One agent at one space."""

    space: Space
    signer: Signer

    @property
    def clock(self) -> FolderClock:
        return FolderClock(self.space, self.signer)

    @property
    def job(self) -> Job:
        return Job(self.space, self.clock, self.clock, self.signer)

    def back_up(
        self,
        account: str,
        hour: float,
        records: Mapping[str, str],
        blobs: Iterable[bytes] = (),
        *,
        meanwhile: Callable[[], object] = list,
    ) -> CID:
        """A snapshot as of `hour`, whatever the real time is; the Backup.

        meanwhile: happens after it was decided what need not be written, and again before the head moves.
        """
        with self.space.stage() as stage:
            backup, blocks = make_snapshot(
                self.signer, account, FIRST_MS + round(hour * HOUR_MS), records, blobs
            )
            stage.put_many(blocks.items())
            meanwhile()
            key = snapshot_key(account, format_timestamp(FIRST_MS + round(hour * HOUR_MS)))
            update = run(crdt.put(self.clock.head(), key, backup), stage.get)
            assert update.event
            stage.put_many([*update.additions, update.event])
            stage.publish()
        meanwhile()
        self.clock.advance(update.event.cid)
        return backup

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.space.close()

    def entries(self) -> list[Entry]:
        return run(entries(self.clock.head()), self.space.get)

    def problems(self) -> list[str]:
        """What `verify --all` would say."""
        results = [verify_snapshot(e, self.space.get, self.signer, Unwatched()) for e in self.entries()]
        assert all(result.unread is None for result in results)
        return [problem for result in results for problem in result.problems]


def machine(
    folder: Path, name: str = "laptop", *, agent: str = "", files: Files = LOCAL_FILES, url: str = ""
) -> Machine:
    """Machines of one `folder` share the space in it, or at `url`. agent: whose key it has, or its own.

    The environment says how to get to a bucket.
    """
    signer = Signer.from_seed((agent or name).encode().ljust(32, b"."))
    if url:
        space = open_bucket(url, cache=folder / name, environ=os.environ, did=SPACE.did, allow_private=True)
    else:
        space = open_folder(folder / "space", cache=folder / name, did=SPACE.did, files=files)
    return Machine(space, signer)


def make_snapshot(
    signer: Signer, account: str, at_ms: int, records: Mapping[str, str], blobs: Iterable[bytes] = ()
) -> tuple[CID, dict[CID, bytes]]:
    """A Backup of posts by record key, and all its blocks."""
    blocks: dict[CID, bytes] = {}
    references, files = _put_files(blobs, blocks)
    posts: dict[str, CID] = {
        f"app.bsky.feed.post/{name}": put_value({"$type": "app.bsky.feed.post", "text": text}, blocks)
        for name, text in records.items()
    }
    embeds = [{"$type": "blob", "ref": cid, "mimeType": "x/y", "size": 1} for cid in references]
    posts["a.b.c/self"] = put_value({"$type": "a.b.c", "embeds": embeds}, blocks)  # type: ignore[dict-item]
    rev = tid(START.fromtimestamp(at_ms / 1000, START.tzinfo))
    commit = sign_commit(KEY, account, build_tree(posts, blocks), rev, blocks)
    identity = _put_identity(account, blocks)
    backup = Backup(account, format_timestamp(at_ms), commit, rev, files, identity)
    certificate = Certificate(
        agent=signer.did,
        subject=backup.subject(),
        signing_key=did_key(KEY),
        verified_at=format_timestamp(at_ms),
        records=len(posts),
        blobs=len(references),
        blob_bytes=sum(map(len, set(blobs))),
        missing={},
        excluded={},
        previous=None,
    )
    signed = issue_certificate(certificate, signer)
    root = encode_backup(backup, signed.cid)
    blocks |= dict([signed, root])
    return root.cid, blocks


def _put_files(blobs: Iterable[bytes], blocks: dict[CID, bytes]) -> tuple[list[CID], CID]:
    pail = pail_map.empty()
    blocks |= dict(pail.additions)
    roots: dict[str, CID] = {}
    for content in blobs:
        writer = FileWriter()
        blocks |= dict([*writer.write(content), *writer.close()])
        roots[str(cid_of(RAW, content))] = writer.root.cid
    diff = run(pail_map.batch(pail.root, sorted(roots.items())), lambda cids: [blocks[cid] for cid in cids])
    blocks |= dict(diff.additions)
    return sorted({cid_of(RAW, content) for content in blobs}), diff.root


def _put_identity(account: str, blocks: dict[CID, bytes]) -> CID:
    key = did_key(KEY).removeprefix("did:key:")
    document = {
        "id": account,
        "alsoKnownAs": [],
        "verificationMethod": [
            {"id": f"{account}#atproto", "type": "Multikey", "controller": account, "publicKeyMultibase": key}
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": "https://pds.example.com",
            }
        ],
    }
    raw = Block(cid_of(RAW, content := json.dumps(document).encode()), content)
    identity = encode_identity(Identity(raw.cid, None))
    blocks |= dict([raw, identity])
    return identity.cid
