"""Receipts: what was done, signed; what is not one."""

from typing import Any

import pytest

from pail import DecodeError, TooLarge, decode_dag_cbor, encode_block
from tests.ucan.people import AGENT, BOB, MALLORY, SERVICE, SERVICE_KEY, SPACE, grant, invoke
from ucan import (
    BadResponse,
    Failure,
    Outcome,
    Refused,
    issue_receipt,
    outcome_of,
    verify_receipt,
    view_receipt,
)

INVOCATION = invoke(AGENT, proofs=[grant(SPACE, AGENT.did)])
RECEIPT = issue_receipt(SERVICE, INVOCATION, Outcome({"done": 1}))


def test_says_what_came_of_an_invocation() -> None:
    verify_receipt(RECEIPT, (SERVICE_KEY.verifier,))
    assert (RECEIPT.ran, RECEIPT.issuer) == (INVOCATION.cid, SERVICE.did)
    assert outcome_of(RECEIPT) == {"done": 1}


def test_a_failure_comes_back_by_its_name() -> None:
    failure = Failure("Expired", "too late", details={"expiredAt": 5})
    with pytest.raises(Refused) as caught:
        outcome_of(issue_receipt(SERVICE, INVOCATION, Outcome(failure)))
    assert caught.value.failure == failure


def test_effects_come_along_in_order() -> None:
    fork, join = invoke(BOB, nonce="fork"), invoke(BOB, nonce="join")
    receipt = issue_receipt(SERVICE, INVOCATION, Outcome({}, fork=(fork,), join=join))
    assert (receipt.fork, receipt.join) == ((fork.cid,), join.cid)
    cids = [cid for cid, _ in receipt.export()]
    assert cids[-4:] == [INVOCATION.cid, fork.cid, join.cid, receipt.cid]


def test_a_join_may_be_named_without_being_shown() -> None:
    join = invoke(BOB, nonce="join")
    receipt = issue_receipt(SERVICE, INVOCATION, Outcome({}, join=join.cid))
    assert receipt.join == join.cid
    assert join.cid not in [cid for cid, _ in receipt.export()]


@pytest.mark.parametrize("signer", [MALLORY, AGENT])
def test_another_key_did_not_sign_it(signer) -> None:
    with pytest.raises(BadResponse):
        verify_receipt(RECEIPT, (signer.verifier,))


def test_any_of_several_keys_may_have_signed_it() -> None:
    verify_receipt(RECEIPT, (MALLORY.verifier, SERVICE_KEY.verifier))


def changed(**fields: Any) -> Any:
    whole = decode_dag_cbor(RECEIPT.data)
    whole["ocm"] = {name: value for name, value in (whole["ocm"] | fields).items() if value is not ...}
    block = encode_block(whole)
    return view_receipt(block.cid, {block.cid: block.data})


@pytest.mark.parametrize(
    "fields",
    [
        {"ran": "text"},
        {"ran": ...},
        {"out": {}},
        {"out": {"ok": 1, "error": 2}},
        {"fx": ...},
        {"fx": {"fork": [1]}},
        {"fx": {"fork": [], "join": 1}},
        {"meta": ...},
        {"iss": "nobody"},
        {"prf": [1]},
        {"more": 1},
    ],
)
def test_another_form_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        changed(**fields)


def test_effects_have_a_limit() -> None:
    with pytest.raises(TooLarge):
        changed(fx={"fork": [RECEIPT.cid] * 257})


@pytest.mark.parametrize("fields", [{"out": {"ok": {"done": 2}}}, {"iss": AGENT.did}, {"meta": {"a": 1}}])
def test_a_changed_one_is_not_signed(fields: dict[str, Any]) -> None:
    with pytest.raises(BadResponse):
        verify_receipt(changed(**fields), (SERVICE_KEY.verifier,))
