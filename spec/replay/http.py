"""Replays vectors of class `http`: requests to one clock service in turn, answered to the byte."""

from __future__ import annotations

import asyncio

from pail import decode_dag_cbor, parse_cid
from pail.car import CarReader
from spec.replay.memory_clock import MemoryClock
from spec.replay.report import Report, Vectors, expect
from spec.replay.store import bytes_of, value_of
from ucan import Message, Receipt, Response, Server, Signer, decode_message, encode_request, verify_receipt


def replay(vectors: Vectors, report: Report) -> None:
    """Every exchange, against one service."""
    if not vectors["exchanges"]:
        return
    signer = Signer.from_seed(bytes.fromhex(vectors["service_seed_hex"]))
    service = MemoryClock().service(vectors["service_did"], signer)
    server = Server(service, now_unix_s=lambda: vectors["now"])
    for exchange in vectors["exchanges"]:
        with report.case(f"exchanges/{exchange['id']}"):
            _check_request(exchange["request"])
            request = exchange["request"]
            response = asyncio.run(server.respond(request["headers"], bytes_of(request["body"])))
            _check_response(exchange["response"], response, signer)


def _check_request(vector: Vectors) -> None:
    body = bytes_of(vector["body"])
    message = decode_message(body)
    expect("CID of the message", str(message.root), vector["message_cid"])
    expect("invocations", [str(cid) for cid in message.execute], vector["invocations"])
    expect("order of the request's blocks", _order(body), vector["block_order"])
    expect("request encoded anew", encode_request(message.invocations()), body)


def _check_response(vector: Vectors, response: Response, signer: Signer) -> None:
    """To the byte; but not where the original signed its stack traces, or no message at all."""
    expect("status", response.status, vector["status"])
    if response.status != 200:
        return
    expect("headers", response.headers, vector["headers"])
    message = decode_message(response.body)
    for wanted in vector["receipts"]:
        _check_receipt(wanted, message, signer)
    if all("ok" in wanted["out"] for wanted in vector["receipts"]):
        expect("order of the response's blocks", _order(response.body), vector["block_order"])
        expect("message", decode_dag_cbor(message.blocks[message.root]), value_of(vector["message"]))
        expect("body", response.body, bytes_of(vector["body"]))


def _check_receipt(vector: Vectors, message: Message, signer: Signer) -> None:
    receipt = message.receipt(parse_cid(vector["ran"]))
    assert isinstance(receipt, Receipt), "no receipt"
    verify_receipt(receipt, (signer.verifier,))
    expect("issuer", receipt.issuer, vector["issuer"])
    if "error" in vector["out"]:
        expect("error", receipt.out.get("error", {}).get("name"), vector["out"]["error"]["name"])
        return
    expect("CID of the receipt", str(receipt.cid), vector["cid"])
    expect("out", receipt.out, value_of(vector["out"]))
    expect("signed bytes", receipt.outcome, bytes_of(vector["ocm_bytes_signed"]))
    expect("signature", receipt.signature.hex(), vector["sig_hex"])


def _order(car: bytes) -> list[str]:
    return [str(cid) for cid, _ in CarReader().feed(car)]
