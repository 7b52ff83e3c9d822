"""Make the CAR of a synthetic, signed repository: `python -m bench.make_repo OUT.car --records 100000`.

The kinds, sizes and scripts of the records are those of an account in daily use. The same seed
gives the same bytes. Prints one JSON object: the account, its signing key, the commit, counts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.tree_builder import build_tree, put_value
from pail import CID, DAG_CBOR, RAW, Value, cid_of, decode_dag_cbor, encode_dag_cbor
from pail.varint import encode_varint
from ucan import SECP256K1, PublicKey, format_did_key

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE32 = "234567abcdefghijklmnopqrstuvwxyz"
_TEXT = (
    "backup sky blue merkle tree cloud garden river coffee train book night morning signal paper quiet lamp "
    "winter orange window 日本語 の投稿 です émigré façade 🦋 ☕ über naïve Привет друзья שלום مرحبا 한국어"
)
WORDS = _TEXT.split()
START = datetime(2024, 1, 1, tzinfo=UTC)
LIKE, POST, REPOST, FOLLOW = 50, 75, 90, 100  # of a hundred records, so many up to and with this kind


class Repo(NamedTuple):
    """A whole repository in memory; `blocks` in the order of a CAR, the commit first."""

    did: str
    signing_key: str
    commit: CID
    blocks: dict[CID, bytes]
    records: dict[str, CID]
    blobs: dict[CID, bytes]
    """What the records link, eight bytes each."""


def make_repo(count: int, *, seed: int = 1, did: str = "did:plc:syntheticsyntheticsynthe") -> Repo:
    """A signed repository of `count` records; one of more records begins with those of a lesser one."""
    random = Random(seed)
    blocks: dict[CID, bytes] = {}
    blobs: dict[CID, bytes] = {}
    records = {path: put_value(value, blocks) for path, value in _records(random, count, did, blobs)}
    nodes: dict[CID, bytes] = {}
    root = build_tree(records, nodes)
    key = ec.derive_private_key(Random(seed).randrange(1, ORDER), ec.SECP256K1())
    commit = sign_commit(key, did, root, tid(START + timedelta(minutes=count + 1)), nodes)
    ordered = {commit: nodes.pop(commit)} | dict(_in_order(root, nodes, blocks))
    return Repo(did, did_key(key), commit, ordered, records, blobs)


def sign_commit(
    key: ec.EllipticCurvePrivateKey, did: str, root: CID, rev: str, blocks: dict[CID, bytes]
) -> CID:
    """The CID of the commit of `root`, signed with low S, added to `blocks`."""
    unsigned: dict[str, Value] = {"did": did, "rev": rev, "data": root, "prev": None, "version": 3}
    signature = sign_low_s(key, encode_dag_cbor(unsigned))
    return put_value(unsigned | {"sig": signature}, blocks)


def sign_low_s(key: ec.EllipticCurvePrivateKey, payload: bytes) -> bytes:
    """The compact secp256k1 signature with the lesser S, the same every time (RFC 6979)."""
    r, s = decode_dss_signature(key.sign(payload, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def did_key(key: ec.EllipticCurvePrivateKey) -> str:
    """The did:key of a secp256k1 key."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return format_did_key(PublicKey(SECP256K1, point))


def write_car(repo: Repo, path: Path) -> None:
    """The repository as a CARv1."""
    with path.open("wb") as car:
        car.write(_frame(encode_dag_cbor({"roots": [repo.commit], "version": 1})))
        for cid, data in repo.blocks.items():
            car.write(_frame(cid + data))


def _frame(content: bytes) -> bytes:
    return encode_varint(len(content)) + content


def _records(random: Random, count: int, did: str, blobs: dict[CID, bytes]) -> Iterator[tuple[str, Value]]:
    for number in range(count):
        at = START + timedelta(minutes=number, microseconds=random.randrange(1_000_000))
        created = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind, rkey = random.randrange(100), tid(at)
        other = "did:plc:" + "".join(random.choices(BASE32, k=24))
        subject = {"cid": str(_cid(random)), "uri": f"at://{other}/app.bsky.feed.post/{rkey}"}
        if kind < LIKE:
            yield _record("app.bsky.feed.like", rkey, created, subject=subject)
        elif kind < POST:
            yield _record("app.bsky.feed.post", rkey, created, **_post(random, kind, subject, blobs))
        elif kind < REPOST:
            yield _record("app.bsky.feed.repost", rkey, created, subject=subject)
        else:
            yield _record("app.bsky.graph.follow", rkey, created, subject=other)


def _record(collection: str, rkey: str, created: str, **fields: Value) -> tuple[str, Value]:
    return f"{collection}/{rkey}", {"$type": collection, "createdAt": created} | fields


def _post(random: Random, kind: int, subject: Value, blobs: dict[CID, bytes]) -> dict[str, Value]:
    post: dict[str, Value] = {
        "text": " ".join(random.choices(WORDS, k=random.randint(3, 40))),
        "langs": ["en"],
    }
    if kind % 3 == 0:
        post["reply"] = {"root": subject, "parent": subject}
    if kind % 5 == 0:
        content = random.randbytes(8)
        blobs[cid_of(RAW, content)] = content
        image = {"$type": "blob", "ref": cid_of(RAW, content), "mimeType": "image/jpeg", "size": 8}
        post["embed"] = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": image}]}
    return post


def _cid(random: Random) -> CID:
    return cid_of(DAG_CBOR, random.randbytes(8))


def tid(at: datetime) -> str:
    """The TID of that time."""
    number = (int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) << 10) | 7
    return "".join(BASE32[number >> shift & 31] for shift in range(60, -1, -5))


def _in_order(root: CID, nodes: dict[CID, bytes], records: dict[CID, bytes]) -> Iterator[tuple[CID, bytes]]:
    yield root, nodes[root]
    node = decode_dag_cbor(nodes[root])
    if node["l"]:
        yield from _in_order(node["l"], nodes, records)
    for entry in node["e"]:
        yield entry["v"], records[entry["v"]]
        if entry["t"]:
            yield from _in_order(entry["t"], nodes, records)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--records", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    repo = make_repo(options.records, seed=options.seed)
    write_car(repo, options.out)
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(
        json.dumps(
            {
                "did": repo.did,
                "signingKey": repo.signing_key,
                "commit": str(repo.commit),
                "records": len(repo.records),
                "blocks": len(repo.blocks),
                "sha256": digest,
            }
        )
    )


if __name__ == "__main__":
    main()
