"""Requests and responses: statuses, several invocations, and that nothing malformed is ever run."""

import asyncio
from typing import Any

import pytest

from pail import Block, encode_block
from pail.car import encode_car
from pail.cid import DAG_CBOR, cid_of
from tests.ucan.people import (
    AGENT,
    ECHO,
    NOW,
    SERVICE,
    SERVICE_DID,
    SPACE,
    done,
    grant,
    invoke,
    names,
    server,
)
from ucan import (
    MAX_BODY_BYTES,
    Capability,
    Failure,
    Outcome,
    Refused,
    Response,
    Server,
    Service,
    Task,
    decode_message,
    delegate,
    encode_request,
    provide,
    refuse_headers,
)

CAR = "application/vnd.ipld.car"
INVOCATION = invoke(AGENT, proofs=[grant(SPACE, AGENT.did)])
BODY = encode_request([INVOCATION])


def post(body: bytes = BODY, on: Server | None = None, **headers: str) -> Response:
    given = {"Content-Type": CAR, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asyncio.run((on or server()).respond(given, body))


def test_a_message_is_answered_with_receipts() -> None:
    other = invoke(AGENT, nonce="2")
    response = post(encode_request([INVOCATION, other]))
    message = decode_message(response.body)
    receipts = [message.receipt(item.cid) for item in (INVOCATION, other)]
    assert (response.status, response.headers) == (200, {"content-type": CAR})
    assert [names(receipt)[:1] for receipt in receipts if receipt] == [[], ["Unauthorized"]]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "*/*"},
        {"accept": CAR},
        {"Accept": "text/html, application/*;q=0.5"},
        {"accept": f"*/*;q=0, {CAR}"},
        {"content_type": "Application/VND.ipld.car; version=1"},
    ],
)
def test_what_may_be_sent(headers: dict[str, str]) -> None:
    assert post(**headers).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": ""}, 415),
        ({"Content_Type": "application/json"}, 415),
        ({"Content_Type": "application/vnd.ipld.carx"}, 415),
        ({"accept": "text/html"}, 406),
        ({"accept": ""}, 406),
        ({"accept": f"{CAR};q=0"}, 406),
        ({"accept": f"*/*, {CAR}; q=0.000"}, 406),
        ({"content_length": str(MAX_BODY_BYTES + 1)}, 413),
        ({"content_length": "9" * 5000}, 413),
    ],
)
def test_what_may_not_be_sent(headers: dict[str, str], status: int) -> None:
    response = post(**headers)
    assert response.status == status
    assert response.headers["content-type"].startswith("text/plain")
    assert response.body


def test_the_other_media_type_is_told_which_one_is_wanted() -> None:
    assert post(Content_Type="text/plain").headers["accept"] == CAR


def test_headers_can_be_refused_before_the_body_is_read() -> None:
    assert refuse_headers({"content-type": CAR}) is None
    assert refuse_headers({"content-type": CAR, "content-length": str(MAX_BODY_BYTES)}) is None


def test_a_large_body_is_refused_whatever_its_header_said() -> None:
    assert post(bytes(MAX_BODY_BYTES + 1)).status == 413


NO_UCAN = encode_block("hello")
MISSING = encode_block({"ucanto/message@7.0.0": {"execute": [INVOCATION.cid]}})
GARBAGE = encode_block({"ucanto/message@7.0.0": {"execute": [NO_UCAN.cid]}})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        BODY[:-1],
        BODY + b"\x01",
        encode_car([MISSING.cid], [MISSING]),
        encode_car([GARBAGE.cid], [NO_UCAN, GARBAGE]),
        encode_car([GARBAGE.cid], []),
    ],
    ids=["empty", "text", "cut", "more", "missing", "no UCAN", "no root"],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    response = post(body)
    assert response.status == 400
    assert b"malformed message" in response.body


def test_a_flipped_bit_anywhere_is_never_run() -> None:
    """But in the codec of the proof's CID, which no hash covers: the proof is missing then."""
    for at in range(len(BODY) * 8):
        flipped = bytearray(BODY)
        flipped[at // 8] ^= 1 << at % 8
        response = post(bytes(flipped))
        if response.status == 200:
            receipt = decode_message(response.body).receipt(INVOCATION.cid)
            assert receipt is not None
            assert "UnavailableProof" in names(receipt)
        else:
            assert response.status in (400, 413)


def flipped_signatures() -> list[bytes]:
    """The UCAN with each bit of its varsig flipped in turn, and its own hash."""
    at = INVOCATION.data.index(INVOCATION.ucan.signature)
    bodies: list[bytes] = []
    for bit in range(len(INVOCATION.ucan.signature) * 8):
        data = bytearray(INVOCATION.data)
        data[at + bit // 8] ^= 1 << bit % 8
        bodies.append(bytes(data))
    return bodies


def test_a_flipped_bit_in_a_signature_is_never_run() -> None:
    proofs = [block for block in INVOCATION.export() if block.cid != INVOCATION.cid]
    for data in flipped_signatures():
        forged = Block(cid_of(DAG_CBOR, data), data)
        root = encode_block({"ucanto/message@7.0.0": {"execute": [forged.cid]}})
        response = post(encode_car([root.cid], [*proofs, forged, root]))
        receipt = decode_message(response.body).receipt(forged.cid) if response.status == 200 else None
        assert receipt is None or names(receipt) == ["Unauthorized", "InvalidSignature"]
        assert receipt is not None or response.status == 400


def test_an_invocation_has_one_capability() -> None:
    one = Capability("test/echo", SPACE.did)
    for count in 0, 2:
        invocation = delegate(SPACE, SERVICE_DID, [one] * count, expires_at_unix=NOW + 9)
        assert names(asyncio.run(server().run(invocation))) == ["InvocationCapabilityError"]


def serving(handler: Any) -> Server:
    return Server(Service(SERVICE, [provide(ECHO, handler)]), now_unix_s=lambda: NOW)


def test_a_handler_refuses_by_name() -> None:
    async def full(task: Task[Any]) -> Outcome:
        raise Refused(Failure("SpaceFull", "no room"))

    receipt = asyncio.run(serving(full).run(INVOCATION))
    assert receipt.out == {"error": {"name": "SpaceFull", "message": "no room"}}


def test_a_handler_that_breaks_stops_the_request() -> None:
    """So that the mount answers 503, and nothing is acknowledged."""

    async def broken(task: Task[Any]) -> Outcome:
        raise ConnectionError("database gone")

    with pytest.raises(ConnectionError):
        post(on=serving(broken))


def test_a_handler_gets_what_the_table_read() -> None:
    seen: list[Task[Any]] = []

    async def look(task: Task[Any]) -> Outcome:
        seen.append(task)
        return await done(task)

    proof = grant(SPACE, AGENT.did)
    invocation = invoke(AGENT, nb={"text": "a", "number": 3}, proofs=[proof])
    asyncio.run(serving(look).run(invocation))
    assert [(task.resource, task.nb, task.chain) for task in seen] == [
        (SPACE.did, ("a", 3), (invocation, proof))
    ]


def test_two_handlers_for_one_ability_are_a_mistake() -> None:
    with pytest.raises(AssertionError):
        Service(SERVICE, [provide(ECHO, done), provide(ECHO, done)])
