"""Whatever comes along as a pail shard or an ancestor, only the package's own errors come out."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clock_service import Caveats, Guard, open_store
from clock_service.admission import gather
from clock_service.errors import BadEvent
from pail import CID, DAG_CBOR, Block, cid_of, encode_block
from pail.event import encode_event
from pail.operation import Put, encode_operation
from pail.shard import EMPTY
from tests.clock_service.made import SPACE, Author, open_service
from tests.memory_store import forget, value

SHARD = {"version": 1, "keyChars": "ascii", "maxKeySize": 4096, "prefix": "", "entries": []}
HOSTILE = [
    encode_block(None),
    encode_block({**SHARD, "prefix": "a"}),
    encode_block({**SHARD, "version": 2}),
    encode_block({**SHARD, "entries": [["m", [value("no shard")]]]}),
    encode_block({**SHARD, "entries": [["m", [EMPTY.cid]]]}),
    encode_block({**SHARD, "entries": [["mine/a", value("1")], ["mine/a", value("2")]]}),
    Block(cid_of(DAG_CBOR, b"\xff"), b"\xff"),
]


def put(root: CID, key: str, parents: list[CID]) -> Block:
    return encode_event(parents, encode_operation(Put(key, value(key)), root))


@pytest.mark.parametrize("shard", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("caveats", [Caveats(), Caveats(keys="mine/", ops=frozenset({"put"}))])
def test_a_parent_whose_pail_is_no_pail_is_built_on_by_nobody(tmp_path: Path, shard: Block, caveats) -> None:
    forget()
    store = open_store(f"sqlite:///{tmp_path}/clock.db")
    service = open_service(store)
    first = put(shard.cid, "mine/", [])
    asyncio.run(service.advance(SPACE, first.cid, [first]))
    event = put(EMPTY.cid, "mine/b", [first.cid])
    with pytest.raises(BadEvent, match="lead to no pail"):
        asyncio.run(service.advance(SPACE, event.cid, [event, shard, EMPTY], caveats))
    assert asyncio.run(service.head(SPACE)) == (first.cid,)
    store.close()


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(data: bytes) -> None:
    cid = cid_of(DAG_CBOR, data)
    with contextlib.suppress(BadEvent):
        assert gather(cid, {cid: data}).events == {cid: data}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_block_with_a_bit_turned_is_not_used(tmp_path_factory, data) -> None:
    """An event is refused; a shard that the guard can make itself from the event before is not looked at."""
    author = Author()
    first = author.put((), "mine/a").head
    event = author.put(first, "mine/ab").head[0]
    cid = data.draw(st.sampled_from(sorted(author)))
    turned = bytearray(author[cid])
    turned[data.draw(st.integers(0, len(turned) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('db')}/clock.db")
    forget()
    advance = open_service(store, Guard.REQUIRE).advance(SPACE, event, {**author, cid: bytes(turned)}.items())
    if cid in (*first, event):
        with pytest.raises(BadEvent, match="does not hash"):
            asyncio.run(advance)
    else:
        assert asyncio.run(advance) == (event,)
    store.close()
