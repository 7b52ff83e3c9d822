"""Who may do what: principals, delegations, invocations, receipts, validation. Pure.

`Server.respond` and `Connection` are the transport's edge: HTTP itself is the caller's.
"""

from ucan.archive import decode_archive, encode_archive
from ucan.capability import ALL_OF_ISSUER, ANY, Capability
from ucan.client import Connection, outcome_of, verify_receipt
from ucan.definition import Claim, Definition, link_caveat, no_caveats, take_link
from ucan.delegation import Delegation, delegate, view_delegation
from ucan.did import decode_did, encode_did, is_did
from ucan.errors import BadResponse, BadSignature, InvalidPrincipal, Refused, UcanError
from ucan.failure import Failure
from ucan.http import MAX_BODY_BYTES, Response, refuse_headers
from ucan.issuer import Absentee, Issuer, NamedSigner
from ucan.message import CONTENT_TYPE, Message, decode_message, encode_request, encode_response
from ucan.multikey import (
    ED25519,
    P256,
    RSA,
    SECP256K1,
    PublicKey,
    format_did_key,
    parse_bare_point,
    parse_did_key,
    parse_multikey,
)
from ucan.principal import Signer, Verifier
from ucan.questions import KeysOf, Revocation, RevocationsOf, Validation, answer, answer_async
from ucan.receipt import Outcome, Receipt, issue_receipt, view_receipt
from ucan.search import Authority, Authorization
from ucan.server import Server
from ucan.service import Handler, Provided, Service, Task, provide
from ucan.token import Ucan
from ucan.validator import authorize
from ucan.varsig import decode_varsig, encode_varsig

__all__ = [
    "ALL_OF_ISSUER",
    "ANY",
    "CONTENT_TYPE",
    "ED25519",
    "MAX_BODY_BYTES",
    "P256",
    "RSA",
    "SECP256K1",
    "Absentee",
    "Authority",
    "Authorization",
    "BadResponse",
    "BadSignature",
    "Capability",
    "Claim",
    "Connection",
    "Definition",
    "Delegation",
    "Failure",
    "Handler",
    "InvalidPrincipal",
    "Issuer",
    "KeysOf",
    "Message",
    "NamedSigner",
    "Outcome",
    "Provided",
    "PublicKey",
    "Receipt",
    "Refused",
    "Response",
    "Revocation",
    "RevocationsOf",
    "Server",
    "Service",
    "Signer",
    "Task",
    "Ucan",
    "UcanError",
    "Validation",
    "Verifier",
    "answer",
    "answer_async",
    "authorize",
    "decode_archive",
    "decode_did",
    "decode_message",
    "decode_varsig",
    "delegate",
    "encode_archive",
    "encode_did",
    "encode_request",
    "encode_response",
    "encode_varsig",
    "format_did_key",
    "is_did",
    "issue_receipt",
    "link_caveat",
    "no_caveats",
    "outcome_of",
    "parse_bare_point",
    "parse_did_key",
    "parse_multikey",
    "provide",
    "refuse_headers",
    "take_link",
    "verify_receipt",
    "view_delegation",
    "view_receipt",
]
