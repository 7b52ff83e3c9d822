"""What an account made for tests holds: blobs and records, the same for the same seed."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Json = dict[str, Any]

FIRST_DAY = datetime(2023, 5, 1, tzinfo=UTC)
DAYS = 3 * 365
FAKE_CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
IMAGE_SIDES = (16, 64, 170, 290)
VIDEO_BYTES = 2_300_000
"""Above two UnixFS chunks of 1 MiB, below the reference PDS's limit of 5 MiB."""

_WORDS = """backup sky blue merkle tree cloud garden river coffee train book night morning signal paper quiet
code lamp winter orange window bridge letter music salt stone friend ocean 日本語 émigré façade 🦋 ☕ über
naïve Привет שלום नमस्ते 한국어 مرحبا Ελλάδα"""
WORDS = _WORDS.split()


class MadeBlob(NamedTuple):
    content: bytes
    mime: str


class MadeRecord(NamedTuple):
    collection: str
    rkey: str
    value: Json


def blobs(rnd: random.Random, count: int) -> list[MadeBlob]:
    """Four small images (0.8 to 250 kB), then one video of VIDEO_BYTES, and so on."""
    sizes = [*IMAGE_SIDES, None]
    return [_image(rnd, side) if (side := sizes[n % 5]) else _video(rnd) for n in range(count)]


def records(rnd: random.Random, did: str, count: int, images: Sequence[Json]) -> Iterator[MadeRecord]:
    """`count` records over three years; the first posts embed one blob reference of `images` each."""
    yield MadeRecord("app.bsky.actor.profile", "self", _profile(rnd, images))
    posts: list[Json] = []
    for n in range(count - 1):
        at = FIRST_DAY + timedelta(days=DAYS * (n + rnd.random() / 2) / count)
        kind = "post" if n < len(images) else rnd.choices(list(_KINDS), list(_KINDS.values()))[0]
        rkey = tid(at)
        if kind == "post":
            value = _post(rnd, at, images[n] if n < len(images) else None, posts)
            posts.append({"uri": f"at://{did}/app.bsky.feed.post/{rkey}", "cid": FAKE_CID})
        else:
            value = _other(rnd, at, kind)
        yield MadeRecord(value["$type"], rkey, value)


def preferences() -> list[Json]:
    defs, day = "app.bsky.actor.defs", tid(FIRST_DAY)
    feed = {"id": day, "type": "timeline", "value": "following", "pinned": True}
    word = {"id": day, "value": "spoilers", "targets": ["content", "tag"], "actorTarget": "all"}
    return [
        {"$type": f"{defs}#adultContentPref", "enabled": False},
        {"$type": f"{defs}#savedFeedsPrefV2", "items": [feed]},
        {"$type": f"{defs}#mutedWordsPref", "items": [word]},
        {"$type": f"{defs}#threadViewPref", "sort": "oldest"},
    ]


def tid(at: datetime, clock: int = 7) -> str:
    number = int(at.timestamp() * 1_000_000) << 10 | clock
    return "".join("234567abcdefghijklmnopqrstuvwxyz"[number >> shift & 31] for shift in range(60, -1, -5))


_KINDS = {
    "post": 40,
    "app.bsky.feed.like": 40,
    "app.bsky.graph.follow": 10,
    "app.bsky.feed.repost": 6,
    "app.bsky.graph.block": 2,
    "com.example.backup.note": 2,
}
"""Relative frequency; the last is a lexicon that no PDS knows."""


def _profile(rnd: random.Random, images: Sequence[Json]) -> Json:
    value = {"$type": "app.bsky.actor.profile", "displayName": "Test 🦋 日本語", "description": _text(rnd)}
    return value | {"avatar": images[0]} if images else value


def _post(rnd: random.Random, at: datetime, blob: Json | None, earlier: Sequence[Json]) -> Json:
    value: Json = {"$type": "app.bsky.feed.post", "text": _text(rnd), "createdAt": _time(at), "langs": ["en"]}
    if blob is not None:
        value["embed"] = _embed(blob)
    elif earlier and rnd.random() < 0.3:
        parent = rnd.choice(earlier)
        value["reply"] = {"root": parent, "parent": parent}
    elif rnd.random() < 0.2:
        link = {
            "$type": "app.bsky.richtext.facet#link",
            "uri": f"https://example.com/{rnd.randint(0, 99999)}",
        }
        value["facets"] = [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [link]}]
    return value


def _embed(blob: Json) -> Json:
    if blob["mimeType"].startswith("image/"):
        return {"$type": "app.bsky.embed.images", "images": [{"alt": "noise", "image": blob}]}
    return {"$type": "app.bsky.embed.video", "video": blob, "alt": "not really a video"}


def _other(rnd: random.Random, at: datetime, kind: str) -> Json:
    value: Json = {"$type": kind, "createdAt": _time(at)}
    if kind.startswith("app.bsky.graph."):
        return value | {"subject": _did(rnd)}
    if kind.startswith("app.bsky.feed."):
        uri = f"at://{_did(rnd)}/app.bsky.feed.post/{tid(at - timedelta(hours=1))}"
        return value | {"subject": {"uri": uri, "cid": FAKE_CID}}
    deep = {"list": [None, True, {"text": _text(rnd)}]}
    return value | {"n": rnd.randint(-(2**40), 2**40), "raw": {"$bytes": "AAEC/w"}, "deep": deep}


def _text(rnd: random.Random) -> str:
    return " ".join(rnd.choices(WORDS, k=rnd.randint(3, 40)))[:280]


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _did(rnd: random.Random) -> str:
    return "did:plc:" + "".join(rnd.choices("abcdefghijklmnopqrstuvwxyz234567", k=24))


def _image(rnd: random.Random, side: int) -> MadeBlob:
    rows = b"".join(b"\0" + rnd.randbytes(side * 3) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")
    return MadeBlob(b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks), "image/png")


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _video(rnd: random.Random) -> MadeBlob:
    """Just enough of an MP4 to be taken for one."""
    head = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 0x200, b"isom", b"mp41")
    body = VIDEO_BYTES - len(head)
    return MadeBlob(head + struct.pack(">I4s", body, b"mdat") + rnd.randbytes(body - 8), "video/mp4")
