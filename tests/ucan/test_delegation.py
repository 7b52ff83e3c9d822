"""What a delegation carries along, in the original's order."""

import pytest

from pail import Block, DecodeError, encode_block
from tests.ucan.people import AGENT, BOB, SPACE, grant, invoke
from ucan import Capability, delegate, view_delegation

EVENT, OTHER, FACT = (encode_block({"n": n}) for n in range(3))
FIRST = grant(SPACE, AGENT.did)
SECOND = grant(AGENT, BOB.did, proofs=[FIRST])


def cids(blocks) -> list:
    return [cid for cid, _ in blocks]


def test_proofs_come_before_what_they_prove() -> None:
    third = invoke(BOB, proofs=[SECOND])
    assert cids(third.export()) == [FIRST.cid, SECOND.cid, third.cid]


def test_a_proof_that_several_need_comes_once() -> None:
    both = [SECOND, grant(AGENT, BOB.did, nonce="2", proofs=[FIRST])]
    third = invoke(BOB, proofs=both)
    assert cids(third.export()) == [FIRST.cid, both[0].cid, both[1].cid, third.cid]


def test_attachments_come_in_the_order_of_the_links() -> None:
    nb = {"b": {"deep": [OTHER.cid]}, "a": EVENT.cid}
    made = delegate(
        SPACE,
        BOB.did,
        [Capability("test/echo", SPACE.did, nb)],
        expires_at_unix=None,
        facts=[{"x": FACT.cid, "y": {"not": SECOND.cid}}],
        attached=[FACT, OTHER, EVENT],
    )
    read = view_delegation(made.cid, {made.cid: made.data, **made.blocks})
    assert cids(read.export()) == [EVENT.cid, OTHER.cid, FACT.cid, made.cid]


def test_what_did_not_come_along_is_left_out() -> None:
    third = invoke(BOB, proofs=[FIRST.cid, SECOND.cid], nb={"text": "a"})
    assert list(third.export()) == [Block(third.cid, third.data)]


def test_a_proof_that_is_no_ucan_is_carried_like_any_block() -> None:
    third = invoke(BOB, proofs=[EVENT.cid])
    read = view_delegation(third.cid, {third.cid: third.data, EVENT.cid: EVENT.data})
    assert cids(read.export()) == [EVENT.cid, third.cid]
    with pytest.raises(DecodeError):
        read.proof(EVENT.cid)


@pytest.mark.parametrize(
    "capability",
    [
        Capability("echo", SPACE.did),
        Capability("test/echo", "nowhere"),
        Capability("test/echo", SPACE.did, {"/": "x"}),
        Capability("test/echo", SPACE.did, {"x": 2.0}),
    ],
)
def test_what_others_would_refuse_is_not_issued(capability: Capability) -> None:
    with pytest.raises(DecodeError):
        delegate(SPACE, BOB.did, [capability], expires_at_unix=None)
