"""An agent's key: the original's text form, its DID and its signatures, byte for byte."""

import json
from pathlib import Path

import pytest

from ucan import BadSignature, InvalidPrincipal, Signer, Verifier

VECTORS = Path(__file__).parents[2] / "spec/vectors"
SIGNERS = json.loads((VECTORS / "js/ucan.public.json").read_text())["signers"]
SEED = bytes(range(32))


def test_there_are_signers_to_compare_with() -> None:
    assert len(SIGNERS) >= 5


@pytest.mark.parametrize("vector", SIGNERS.values(), ids=SIGNERS)
def test_a_signer_is_the_originals(vector: dict[str, str]) -> None:
    signer = Signer.from_seed(bytes.fromhex(vector["seed_hex"]))
    assert signer.did == vector["did"]
    assert signer.format() == vector["multibase_mg"]
    assert Signer.parse(vector["multibase_mg"]) == signer


@pytest.mark.parametrize("vector", SIGNERS.values(), ids=SIGNERS)
def test_a_signature_is_the_originals(vector: dict[str, str]) -> None:
    signer, payload = Signer.parse(vector["multibase_mg"]), vector["sample_message_utf8"].encode()
    assert signer.sign(payload).hex() == vector["sample_signature_varsig_hex"]
    Verifier.parse(vector["did"]).verify_varsig(payload, signer.sign(payload))


def test_a_signature_of_another_payload_is_refused() -> None:
    signer = Signer.from_seed(SEED)
    with pytest.raises(BadSignature, match="does not match"):
        signer.verifier.verify_varsig(b"other", signer.sign(b"payload"))


@pytest.mark.parametrize("varsig", [b"", b"\xed\xa1\x03", b"\xed\xa1\x03\x3f" + bytes(63), b"\x80" * 12])
def test_a_malformed_varsig_is_refused(varsig: bytes) -> None:
    with pytest.raises(BadSignature):
        Signer.from_seed(SEED).verifier.verify_varsig(b"", varsig)


def test_a_varsig_of_another_algorithm_is_refused() -> None:
    signer = Signer.from_seed(SEED)
    renamed = b"\xe7\xa1\x03" + signer.sign(b"payload")[3:]
    with pytest.raises(BadSignature, match="another algorithm"):
        signer.verifier.verify_varsig(b"payload", renamed)


def test_trailing_bytes_behind_a_varsig_are_refused() -> None:
    signer = Signer.from_seed(SEED)
    with pytest.raises(BadSignature):
        signer.verifier.verify_varsig(b"payload", signer.sign(b"payload") + b"\0")


@pytest.mark.parametrize("text", ["", "M", "Mg", "MgCb", "z123", "Mé", "M" + "A" * 94])
def test_text_that_is_no_signer_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidPrincipal) as refusal:
        Signer.parse(text)
    assert str(refusal.value) == "not an Ed25519 signer in the form Mg…"


def test_a_signer_whose_halves_differ_is_refused() -> None:
    one, other = Signer.from_seed(SEED).format(), Signer.from_seed(bytes(32)).format()
    with pytest.raises(InvalidPrincipal):
        Signer.parse(one[:46] + other[46:])


def test_the_seed_is_in_no_repr() -> None:
    signer = Signer.from_seed(SEED)
    assert SEED.hex() not in repr(signer)
    assert repr(SEED) not in repr(signer)
