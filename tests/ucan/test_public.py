"""The public names are a tested list."""

import ucan

NAMES = """
ALL_OF_ISSUER ANY CONTENT_TYPE ED25519 MAX_BODY_BYTES P256 RSA SECP256K1 Absentee Authority
Authorization BadResponse BadSignature Capability Claim Connection Definition Delegation Failure
Handler InvalidPrincipal Issuer KeysOf Message NamedSigner Outcome Provided PublicKey Receipt
Refused Response Revocation RevocationsOf Server Service Signer Task Ucan UcanError Validation
Verifier answer answer_async authorize decode_archive decode_did decode_message decode_varsig
delegate encode_archive encode_did encode_request encode_response encode_varsig format_did_key
is_did issue_receipt link_caveat no_caveats outcome_of parse_bare_point parse_did_key parse_multikey
provide refuse_headers take_link verify_receipt view_delegation view_receipt
"""


def test_the_public_names() -> None:
    assert ucan.__all__ == NAMES.split()
    assert all(hasattr(ucan, name) for name in NAMES.split())
