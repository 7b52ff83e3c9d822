"""Replays vectors of class `ucan`: keys, delegations to the byte, and requests to be taken or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pail import CID, Block, Value, decode_dag_cbor, encode_dag_cbor, parse_cid
from pail.varint import encode_varint
from spec.replay.memory_clock import clock_service
from spec.replay.report import Report, Vectors, expect
from spec.replay.store import bytes_of, value_of
from ucan import (
    Absentee,
    BadSignature,
    Capability,
    Delegation,
    Issuer,
    NamedSigner,
    Outcome,
    Response,
    Revocation,
    Server,
    Signer,
    Task,
    Verifier,
    decode_archive,
    decode_message,
    delegate,
    encode_archive,
    encode_did,
    view_delegation,
)
from ucan.token import encode_ucan
from ucan.varsig import ABSENT

_ED25519_PRIVATE = encode_varint(0x1300)


def replay(vectors: Vectors, report: Report) -> None:
    """Every signer, delegation and request."""
    signers = vectors.get("signers", {})
    for name, vector in signers.items():
        with report.case(f"signers/{name}"):
            _check_signer(vector)
    keys = [Signer.from_seed(bytes.fromhex(vector["seed_hex"])) for vector in signers.values()]
    delegations: dict[CID, bytes] = {}
    for vector in vectors.get("delegations", []):
        with report.case(f"delegations/{vector['id']}"):
            _check_delegation(vector, keys, delegations)
    for vector in vectors.get("validation", []):
        with report.case(f"validation/{vector['id']}"):
            _check_request(vector, keys)


def _check_signer(vector: Vectors) -> None:
    signer = Signer.from_seed(bytes.fromhex(vector["seed_hex"]))
    expect("DID", signer.did, vector["did"])
    expect("text form", signer.format(), vector["multibase_mg"])
    expect("parsed", Signer.parse(vector["multibase_mg"]), signer)
    public = encode_did(signer.did)
    expect("multikey", public.hex(), vector["public_multikey_hex"])
    expect("secret", (_ED25519_PRIVATE + signer.seed + public).hex(), vector["secret_bytes_hex"])
    if "sample_message_utf8" in vector:
        message = vector["sample_message_utf8"].encode()
        expect("signature", signer.sign(message).hex(), vector["sample_signature_varsig_hex"])
        Verifier.parse(signer.did).verify_varsig(message, signer.sign(message))


def _check_delegation(vector: Vectors, keys: Sequence[Signer], known: dict[CID, bytes]) -> None:
    data, cid = bytes_of(vector["bytes"]), parse_cid(vector["cid"])
    known[cid] = data
    delegation = view_delegation(cid, known)
    ucan = delegation.ucan
    expect("block", encode_ucan(ucan), Block(cid, data))
    shown = {"issuer", "audience", "capabilities", "expiration", "not_before", "nonce", "facts", "proofs"}
    expect("fields", _show(delegation), {name: value_of(vector[name]) for name in shown & vector.keys()})
    expect("signature", ucan.signature.hex(), vector["signature_hex"])
    expect("signed payload", delegation.payload.decode(), vector["signed_payload_utf8"])
    archive = decode_archive(bytes_of(vector["archive"]))
    expect("archived", archive, delegation)
    expect("archive", encode_archive(archive), bytes_of(vector["archive"]))
    expect("issued anew", _issue_again(archive, _issuer_of(delegation, keys)).cid, cid)


def _show(delegation: Delegation) -> dict[str, Value]:
    """A delegation as the vectors show one."""
    ucan = delegation.ucan
    return {
        "issuer": ucan.issuer,
        "audience": ucan.audience,
        "capabilities": [_show_capability(capability) for capability in ucan.capabilities],
        "expiration": ucan.expires_at_unix,
        "not_before": ucan.not_before_unix,
        "nonce": ucan.nonce,
        "facts": list(ucan.facts),
        "proofs": [str(proof) for proof in ucan.proofs],
    }


def _show_capability(capability: Capability) -> Value:
    shown = {"can": capability.can, "with": capability.resource, "nb": capability.nb}
    return {name: value for name, value in shown.items() if value is not None}


def _issuer_of(delegation: Delegation, keys: Sequence[Signer]) -> Issuer:
    """Whoever of the vectors' signers made the signature, under the issuer's name."""
    if delegation.ucan.signature == ABSENT:
        return Absentee(delegation.issuer)
    for signer in keys:
        try:
            signer.verifier.verify_varsig(delegation.payload, delegation.ucan.signature)
        except BadSignature:
            continue
        return NamedSigner(delegation.issuer, signer)
    raise AssertionError("none of the signers signed it")


def _issue_again(delegation: Delegation, issuer: Issuer) -> Delegation:
    ucan = delegation.ucan
    return delegate(
        issuer,
        ucan.audience,
        ucan.capabilities,
        expires_at_unix=ucan.expires_at_unix,
        not_before_unix=ucan.not_before_unix,
        nonce=ucan.nonce,
        facts=ucan.facts,
        proofs=ucan.proofs,
    )


class _Handlers:
    """They answer without a clock: here it only counts whether they were called."""

    def __init__(self) -> None:
        self.done = 0

    async def head(self, task: Task[None]) -> Outcome:
        self.done += 1
        return Outcome({"head": []})

    async def advance(self, task: Task[CID]) -> Outcome:
        self.done += 1
        return Outcome({"head": [task.nb]})


def _check_request(vector: Vectors, keys: Sequence[Signer]) -> None:
    """Done or refused as wanted; what is refused is refused before any work."""
    handlers = _Handlers()
    response = asyncio.run(_respond(vector, keys, handlers))
    outcome = _outcome(vector, response)
    wanted = vector["expect"]
    if vector["id"].startswith("quirk-"):
        assert outcome.keys() & {"ok", "error"}, "neither done nor refused by name"
    elif "ok" in wanted:
        expect("outcome", outcome, {"ok": value_of(wanted["ok"])})
        expect("work done", handlers.done, 1)
    else:
        assert "ok" not in outcome, f"accepted, not refused: {outcome}"
        expect("work done", handlers.done, 0)
        if "error" in wanted:
            expect("error name", outcome.get("error"), wanted["error"])


async def _respond(vector: Vectors, keys: Sequence[Signer], handlers: _Handlers) -> Response:
    signer = {key.did: key for key in keys}[vector["service_key"]]

    async def keys_of(did: str) -> list[Verifier]:
        key = vector.get("did_web_keys", {}).get(did)
        return [] if key is None else [Verifier.parse(key)]

    async def revocations_of(ucans: Sequence[CID]) -> list[Revocation]:
        known = [Revocation(parse_cid(entry["ucan"]), entry["by"]) for entry in vector.get("revoked", [])]
        return [revocation for revocation in known if revocation.ucan in ucans]

    server = Server(
        clock_service(NamedSigner(vector["service"], signer), handlers.head, handlers.advance),
        now_unix_s=lambda: vector["now"],
        keys_of=keys_of,
        revocations_of=revocations_of,
    )
    headers = {"content-type": "application/vnd.ipld.car", "accept": "application/vnd.ipld.car"}
    return await server.respond(headers, bytes_of(vector["request"]))


def _outcome(vector: Vectors, response: Response) -> dict[str, Value]:
    """`{"ok": value}`, `{"error": name}`, or `{"status": 400}` for what was not even a message."""
    if response.status != 200:
        expect("status", response.status, 400)
        return {"status": 400}
    receipt = decode_message(response.body).receipt(parse_cid(vector["invocation"]))
    assert receipt is not None, "no receipt"
    expect("encoding", decode_dag_cbor(encode_dag_cbor(receipt.out)), receipt.out)
    return {"ok": receipt.out["ok"]} if "ok" in receipt.out else {"error": receipt.out["error"]["name"]}
