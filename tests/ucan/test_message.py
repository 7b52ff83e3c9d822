"""Messages: one root, every block hashed before anything is looked at (T1)."""

import pytest

from pail import Block, DecodeError, HashMismatch, MissingBlock, TooLarge, encode_block
from pail.car import encode_car
from tests.ucan.people import AGENT, BOB, SERVICE, SPACE, grant, invoke, run
from ucan import decode_message, encode_request, encode_response
from ucan.archive import MAX_CAR_BLOCKS
from ucan.message import MAX_INVOCATIONS

INVOCATION = invoke(AGENT, proofs=[grant(SPACE, AGENT.did)])


def message_of(content: object, *blocks: Block) -> bytes:
    root = encode_block({"ucanto/message@7.0.0": content})
    return encode_car([root.cid], [*blocks, root])


def test_invocations_come_back() -> None:
    other = invoke(SPACE, nonce="2")
    body = encode_request([INVOCATION, other])
    assert decode_message(body).invocations() == [INVOCATION, other]
    assert encode_request(decode_message(body).invocations()) == body


def test_an_invocation_named_twice_is_run_once() -> None:
    body = message_of({"execute": [INVOCATION.cid] * 2}, *INVOCATION.export())
    assert decode_message(body).invocations() == [INVOCATION]


def test_receipts_come_back() -> None:
    receipts = [run(INVOCATION), run(invoke(SPACE))]
    message = decode_message(encode_response(receipts))
    assert [message.receipt(receipt.ran) for receipt in receipts] == receipts
    assert message.receipt(SERVICE_LOGIN) is None


SERVICE_LOGIN = grant(SERVICE, BOB.did).cid


def test_a_receipt_of_another_invocation_is_refused() -> None:
    receipt = run(INVOCATION)
    report = {str(SERVICE_LOGIN): receipt.cid}
    message = decode_message(message_of({"report": report}, *dict.fromkeys(receipt.export())))
    with pytest.raises(DecodeError):
        message.receipt(SERVICE_LOGIN)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"execute": 1},
        {"execute": ["text"]},
        {"report": []},
        {"report": {"x": "text"}},
        {"more": 1},
        {"execute": None},
    ],
)
def test_another_form_is_refused(content: object) -> None:
    with pytest.raises(DecodeError):
        decode_message(message_of(content))


def test_another_version_is_refused() -> None:
    root = encode_block({"ucanto/message@8.0.0": {}})
    with pytest.raises(DecodeError):
        decode_message(encode_car([root.cid], [root]))


def test_a_block_under_another_cid_is_refused_though_nobody_asks_for_it() -> None:
    forged = Block(encode_block({"x": 1}).cid, INVOCATION.data)
    with pytest.raises(HashMismatch):
        decode_message(message_of({"execute": []}, forged))


def test_an_absent_invocation_is_named() -> None:
    message = decode_message(message_of({"execute": [INVOCATION.cid]}))
    with pytest.raises(MissingBlock):
        message.invocations()


def test_counts_have_limits() -> None:
    with pytest.raises(TooLarge):
        decode_message(message_of({"execute": [INVOCATION.cid] * (MAX_INVOCATIONS + 1)}))
    block = encode_block(0)
    with pytest.raises(TooLarge):
        decode_message(message_of({}, *[block] * MAX_CAR_BLOCKS))


def test_invocations_together_have_a_limit() -> None:
    large = [invoke(SPACE, facts=[{"a": bytes(90_000)}], nonce=str(number)) for number in range(3)]
    assert len(decode_message(encode_request(large[:2])).invocations()) == 2
    with pytest.raises(TooLarge):
        decode_message(encode_request(large)).invocations()


def test_nothing_to_do_is_a_message() -> None:
    assert decode_message(message_of({})).invocations() == []
