"""A shard has one encoding, and what is not it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pail import CID, DAG_CBOR, RAW, DecodeError, PailError, cid_of, encode_block, run
from pail.cache import Cache
from pail.draft import Draft
from pail.map import EMPTY, batch, delete, diff, entries, get, put, shards
from pail.shard import decode_shard, encode_shard
from tests.memory_store import MemoryStore, forget, value

V = value("x")
LINK = cid_of(DAG_CBOR, b"child")


def body(prefix: object, rows: object, **changes: object) -> dict:
    fields = {"version": 1, "keyChars": "ascii", "maxKeySize": 4096}
    return {"prefix": prefix, "entries": rows} | fields | changes


REFUSED = {
    "no map": [],
    "an empty map": {},
    "version 2": body("", [], version=2),
    "version true": body("", [], version=True),
    "no version": {k: v for k, v in body("", []).items() if k != "version"},
    "other keyChars": body("", [], keyChars="utf8"),
    "other maxKeySize": body("", [], maxKeySize=64),
    "a field more": body("", [], more=1),
    "a prefix that is no text": body(b"", [[b"a", V]]),
    "a prefix of a line": body("\n", [["a", V]]),
    "entries that are no list": body("", {}),
    "an entry that is no list": body("", ["a"]),
    "an entry of three": body("", [["a", V, V]]),
    "an entry without value": body("", [["a"]]),
    "a null value": body("", [["a", None]]),
    "an empty link": body("", [["a", []]]),
    "a null beside a link": body("", [["a", [LINK, None]]]),
    "a link of three": body("", [["a", [LINK, V, V]]]),
    "a key that is no text": body("", [[b"a", V]]),
    "a key of a control character": body("", [["a\x1f", V]]),
    "a key too long": body("", [["a" * 4097, V]]),
    "a key too long with its prefix": body("a" * 4096, [["a", V]]),
    "entries out of order": body("", [["b", V], ["a", V]]),
    "an entry twice": body("", [["a", V], ["a", V]]),
    "two entries with one first character": body("", [["ab", V], ["ac", V]]),
    "a link under two characters": body("", [["ab", [LINK]]]),
    "a link under no character": body("", [["", [LINK]]]),
    "a link to bytes": body("", [["a", [V]]]),
    "its own prefix below the root": body("a", [["", V]]),
    "nothing below the root": body("a", []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    with pytest.raises(DecodeError):
        decode_shard(encode_block(REFUSED[name]).data)


@pytest.mark.parametrize(
    "rows",
    [[], [["", V]], [["a" * 4096, V]], [["a", [LINK]]], [["a", [LINK, V]], ["bc", V]], [[" ", V], ["~", V]]],
)
def test_takes(rows: list) -> None:
    block = encode_block(body("", rows))
    assert encode_shard(decode_shard(block.data)) == block


@given(
    st.binary(max_size=80)
    | st.builds(lambda at, byte: flipped(at, byte), st.integers(0), st.integers(1, 255))
)
def test_any_bytes_are_a_shard_or_a_decode_error(data: bytes) -> None:
    try:
        shard = decode_shard(data)
    except PailError:
        return
    assert encode_shard(shard).data == data


def flipped(at: int, byte: int) -> bytes:
    data = bytearray(encode_block(body("ab", [["a", [LINK, V]], ["bc", V]])).data)
    data[at % len(data)] ^= byte
    return bytes(data)


def misplaced() -> tuple[MemoryStore, CID]:
    """A root that links, under `a`, to the shard of `b`."""
    store = MemoryStore()
    child = encode_block(body("b", [["c", V]]))
    root = encode_block(body("", [["a", [child.cid]]]))
    store |= dict([child, root])
    return store, root.cid


WALKS = {
    "get": lambda root: get(root, "ac"),
    "put": lambda root: put(root, "ac", V),
    "delete": lambda root: delete(root, "ac"),
    "batch": lambda root: batch(root, [("ac", V)]),
    "entries": entries,
    "shards": shards,
    "diff": lambda root: diff(EMPTY.cid, root),
}


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("name", WALKS)
def test_every_walk_refuses_a_shard_of_another_prefix(name: str, is_known: bool) -> None:
    store, root = misplaced()
    if is_known:
        child = decode_shard(store[root]).entries["a"].shard
        store.run(learn_in_place(child, store))
    with pytest.raises(DecodeError):
        store.run(WALKS[name](root))


def learn_in_place(child: CID, store: MemoryStore):
    """A walk in which the child is in its right place, and so becomes known."""
    root = encode_block(body("", [["b", [child]]]))
    store[root.cid] = root.data
    draft = Draft(root.cid)
    return draft.delete("bx")


@pytest.mark.parametrize("name", WALKS)
def test_every_walk_refuses_a_root_that_is_no_shard(name: str) -> None:
    store = MemoryStore()
    root = encode_block({"data": 1, "parents": []})
    store[root.cid] = root.data
    with pytest.raises(DecodeError):
        store.run(WALKS[name](root.cid))


def test_a_chain_of_shards_as_deep_as_a_key_is_walked_without_recursion() -> None:
    store = MemoryStore()
    block = encode_block(body("a" * 4095, [["a", V]]))
    for depth in range(4094, -1, -1):
        store[block.cid] = block.data
        block = encode_block(body("a" * depth, [["a", [block.cid]]]))
    store[block.cid] = block.data
    for walk in (entries(block.cid), shards(block.cid), diff(EMPTY.cid, block.cid)):
        forget()
        assert store.count(walk) == 4096


def test_a_shard_below_the_deepest_is_refused() -> None:
    with pytest.raises(DecodeError):
        decode_shard(encode_block(body("a" * 4096, [["a", [LINK]]])).data)


def test_a_root_that_is_raw_bytes_is_no_shard() -> None:
    data = b"\x00"
    with pytest.raises(DecodeError):
        run(get(cid_of(RAW, data), "a"), lambda _: [data])


def test_the_cache_forgets_what_was_not_used() -> None:
    cache: Cache[int, str] = Cache(10)
    for number in range(100):
        cache.put(number, "text")
        assert cache.get(0) == "text"
    assert sum(cache.get(number) is not None for number in range(100)) <= 21
