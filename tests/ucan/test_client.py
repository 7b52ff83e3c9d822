"""The client believes only receipts that the service signed, of what it asked."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.ucan.people import (
    AGENT,
    MALLORY,
    SERVICE_DID,
    SERVICE_KEY,
    SPACE,
    grant,
    invoke,
    names,
    run,
    server,
)
from ucan import (
    CONTENT_TYPE,
    BadResponse,
    Connection,
    NamedSigner,
    Outcome,
    Receipt,
    Response,
    encode_response,
    issue_receipt,
    outcome_of,
)

URL = "https://service.example/"
INVOCATION = invoke(AGENT, proofs=[grant(SPACE, AGENT.did)])
OTHER = invoke(AGENT, nonce="other")


async def serve(url: str, headers: Mapping[str, str], body: bytes) -> Response:
    assert url == URL
    return await server().respond(headers, body)


def answering(response: Response) -> Connection:
    async def post(url: str, headers: Mapping[str, str], body: bytes) -> Response:
        return response

    return Connection(URL, SERVICE_DID, (SERVICE_KEY.verifier,), post)


def execute(connection: Connection) -> list[Receipt]:
    return asyncio.run(connection.execute(INVOCATION, OTHER))


def test_receipts_come_in_the_order_of_the_invocations() -> None:
    receipts = execute(Connection(URL, SERVICE_DID, (SERVICE_KEY.verifier,), serve))
    assert [receipt.ran for receipt in receipts] == [INVOCATION.cid, OTHER.cid]
    assert outcome_of(receipts[0]) == {"with": SPACE.did, "nb": {}}
    assert names(receipts[1])[0] == "Unauthorized"


def receipts_by(did: str, key) -> bytes:
    return encode_response(
        [issue_receipt(NamedSigner(did, key), item, Outcome({})) for item in (INVOCATION, OTHER)]
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, encode_response([])),
        (200, encode_response([run(INVOCATION)])),
        (200, encode_response([run(OTHER), run(invoke(SPACE))])),
        (200, receipts_by(MALLORY.did, MALLORY)),
        (200, receipts_by(SERVICE_DID, MALLORY)),
        (200, receipts_by(AGENT.did, SERVICE_KEY)),
        (202, receipts_by(SERVICE_DID, SERVICE_KEY)),
        (400, b"malformed"),
        (503, b"\xff"),
    ],
)
def test_any_other_answer_is_refused(status: int, body: bytes) -> None:
    with pytest.raises(BadResponse) as caught:
        execute(answering(Response(status, {"content-type": CONTENT_TYPE}, body)))
    assert caught.value.status == status
