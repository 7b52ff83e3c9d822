"""An account over many days: posts, likes, follows, deletions, a profile, new and repeated media.

Every day ends with a genuine signed repository (commit v3, Merkle search tree) and its blobs; the
same seed gives the same bytes. A host commits each record apart, but keeps only the blocks of its
newest tree, so that one commit at the end of a day leaves the same blocks to fetch.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from backup_agent.demo.k256 import K256Key
from bench.make_repo import BASE32, ORDER, START, did_key, sign_commit, sign_low_s, tid
from bench.tree_builder import build_tree, put_value
from pail import CID, DAG_CBOR, RAW, Block, Value, cid_of, encode_dag_cbor
from pail.car import encode_car

NEW_A_DAY = (40, 80)
GONE_A_DAY = (6, 14)
PROFILE_EVERY_DAYS = 6

LIKE, POST, REPOST, FOLLOW = 50, 75, 90, 100
"""Of a hundred new records, so many up to and with this kind."""

WITH_MEDIA = 0.12
REPEATED = 0.25
"""Shares of posts that show something, and of those that show what was shown before."""

BLOB_BYTES = (20_000, 200_000)
VIDEO_BYTES = 2_500_000
"""More than one chunk of UnixFS; the first thing that the account shows."""

VOCABULARY = 3000
CIRCLE = 400
"""Words that the account uses, and other accounts that it meets: both as unevenly as in life (Zipf)."""

_SYLLABLES = "ba de ko li mu na ro sa te vi zu ang est ing our sch 日 本 語 ри вет ему"
SYLLABLES = _SYLLABLES.split()


class Day(NamedTuple):
    """The account at the end of one day, as its host has it."""

    rev: str
    commit: CID
    blocks: dict[CID, bytes]
    """The whole repository, the commit first."""
    born: dict[CID, str]
    """The revision that wrote each block of the repository, or linked each blob last."""
    blobs: dict[CID, bytes]
    """What the records link."""

    def car(self, since: str = "") -> bytes:
        """The blocks that are newer than `since`, in the order of the reference PDS: newest first."""
        cids = [cid for cid in self.blocks if cid != self.commit and self.born[cid] > since]
        cids.sort(key=lambda cid: (self.born[cid], cid), reverse=True)
        return encode_car([self.commit], [Block(cid, self.blocks[cid]) for cid in (self.commit, *cids)])


class Account:
    """One account. `days` gives it as it is at first and after each further day."""

    def __init__(self, records: int, *, seed: int = 1) -> None:
        self._random = Random(seed)
        secret = self._random.randrange(1, ORDER)
        self._key = ec.derive_private_key(secret, ec.SECP256K1())
        self.rotation_key = K256Key(secret.to_bytes(32, "big"))
        self.plc_log = _genesis(self._key)
        self.did: str = self.plc_log[0]["did"]
        self._world = _World(self._random, self.did)
        self._records: dict[str, CID] = {}
        self._blocks: dict[CID, bytes] = {}
        self._linked: dict[CID, list[CID]] = {}
        self._born: dict[CID, str] = {}
        self._count = records

    def days(self, number: int) -> Iterator[Day]:
        """The account on each of `number` days, the first of which has all that came before."""
        self._edit_profile()
        while len(self._records) < self._count:
            self._write(*self._world.record())
        yield self._commit()
        for day in range(1, number):
            for _ in range(self._random.randint(*NEW_A_DAY)):
                self._write(*self._world.record())
            for _ in range(self._random.randint(*GONE_A_DAY)):
                self._delete()
            if day % PROFILE_EVERY_DAYS == 0:
                self._edit_profile()
            yield self._commit()

    def _write(self, path: str, value: Value, blobs: list[CID]) -> None:
        cid = put_value(value, self._blocks)
        self._records[path] = cid
        self._linked[cid] = blobs
        self._born |= dict.fromkeys([cid, *blobs], self._world.rev())

    def _delete(self) -> None:
        path = self._random.choice([path for path in self._records if not path.endswith("/self")])
        del self._records[path]

    def _edit_profile(self) -> None:
        self._write("app.bsky.actor.profile/self", *self._world.profile())

    def _commit(self) -> Day:
        rev = self._world.rev()
        records = {cid: self._blocks[cid] for cid in self._records.values()}
        nodes: dict[CID, bytes] = {}
        root = build_tree(self._records, nodes)
        commit = sign_commit(self._key, self.did, root, rev, nodes)
        blocks = {commit: nodes.pop(commit)} | nodes | records
        blobs = {cid: self._world.blobs[cid] for record in records for cid in self._linked[record]}
        # What was dropped and comes back is new to the host, so only what stays keeps its revision.
        self._born = {cid: self._born.get(cid, rev) for cid in (*blocks, *blobs)}
        return Day(rev, commit, blocks, dict(self._born), blobs)


class _World:
    """What there is to write about, and the clock."""

    def __init__(self, random: Random, did: str) -> None:
        self._random, self._did, self._at = random, did, START
        self._words = ["".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(VOCABULARY)]
        self._others = ["did:plc:" + "".join(random.choices(BASE32, k=24)) for _ in range(CIRCLE)]
        self._word_weights, self._other_weights = _zipf(VOCABULARY), _zipf(CIRCLE)
        self.blobs: dict[CID, bytes] = {}
        """Everything that was ever shown."""

    def rev(self) -> str:
        """The time as a TID, later at each call."""
        self._at += timedelta(
            seconds=self._random.randint(60, 2400), microseconds=self._random.randint(0, 999_999)
        )
        return tid(self._at)

    def record(self) -> tuple[str, Value, list[CID]]:
        """A new record: its path, its value, and the blobs that it links."""
        kind, rkey = self._random.randrange(100), self.rev()
        if kind < LIKE:
            return self._record("app.bsky.feed.like", rkey, subject=self._subject())
        if kind < POST:
            return self._post(rkey)
        if kind < REPOST:
            return self._record("app.bsky.feed.repost", rkey, subject=self._subject())
        return self._record("app.bsky.graph.follow", rkey, subject=self._other())

    def profile(self) -> tuple[Value, list[CID]]:
        """A profile with another description, sometimes another avatar, and the blobs that it links."""
        avatar = self._shown()
        image = self._blob(avatar, "image/jpeg")
        return {
            "$type": "app.bsky.actor.profile",
            "avatar": image,
            "description": self._sentence(),
            "displayName": "River",
        }, [avatar]

    def _post(self, rkey: str) -> tuple[str, Value, list[CID]]:
        fields: dict[str, Value] = {"text": self._sentence(), "langs": ["en"]}
        blobs: list[CID] = []
        if self._random.random() < 0.4:
            subject = self._subject()
            fields["reply"] = {"root": subject, "parent": subject}
        if self._random.random() < WITH_MEDIA:
            blobs = [self._shown()]
            image = self._blob(blobs[0], "image/jpeg")
            fields["embed"] = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": image}]}
        path, value, _ = self._record("app.bsky.feed.post", rkey, **fields)
        return path, value, blobs

    def _record(self, collection: str, rkey: str, **fields: Value) -> tuple[str, Value, list[CID]]:
        created = self._at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{collection}/{rkey}", {"$type": collection, "createdAt": created} | fields, []

    def _subject(self) -> Value:
        cid = cid_of(DAG_CBOR, self._random.randbytes(8))
        written = self._at - timedelta(seconds=self._random.randint(1, 100_000))
        return {"cid": str(cid), "uri": f"at://{self._other()}/app.bsky.feed.post/{tid(written)}"}

    def _other(self) -> str:
        return self._random.choices(self._others, cum_weights=self._other_weights)[0]

    def _sentence(self) -> str:
        count = self._random.randint(3, 40)
        return " ".join(self._random.choices(self._words, cum_weights=self._word_weights, k=count))

    def _shown(self) -> CID:
        """A blob that is new, or was shown before."""
        if self.blobs and self._random.random() < REPEATED:
            return self._random.choice(list(self.blobs))
        size = self._random.randint(*BLOB_BYTES) if self.blobs else VIDEO_BYTES
        content = self._random.randbytes(size)
        cid = cid_of(RAW, content)
        self.blobs[cid] = content
        return cid

    def _blob(self, cid: CID, mime_type: str) -> Value:
        return {"$type": "blob", "ref": cid, "mimeType": mime_type, "size": len(self.blobs[cid])}


def _zipf(count: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, count + 1)))


def _genesis(key: ec.EllipticCurvePrivateKey) -> list[dict[str, Any]]:
    """The PLC directory's log of an account that `key` made, and signs for."""
    did = did_key(key)
    pds = {"type": "AtprotoPersonalDataServer", "endpoint": "https://host.example.com"}
    operation: dict[str, Any] = {
        "type": "plc_operation",
        "rotationKeys": [did],
        "verificationMethods": {"atproto": did},
        "alsoKnownAs": [],
        "services": {"atproto_pds": pds},
        "prev": None,
    }
    signature = sign_low_s(key, encode_dag_cbor(operation))
    operation["sig"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    signed = encode_dag_cbor(operation)
    name = base64.b32encode(hashlib.sha256(signed).digest()).decode().lower()[:24]
    created = START.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"operation": operation, "cid": str(cid_of(DAG_CBOR, signed)), "nullified": False}
    return [{"did": f"did:plc:{name}", **entry, "createdAt": created}]
