"""A space's key as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_agent.errors import PhraseInvalid
from backup_agent.phrase import parse_phrase, phrase_of
from ucan import Signer

# From the vectors of BIP39 (trezor/python-mnemonic, vectors.json).
VECTORS = {
    "00" * 32: "abandon " * 23 + "art",
    "7f" * 32: "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth "
    "useful legal winner thank year wave sausage worth title",
    "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f": "void come effort suffer camp survey "
    "warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush "
    "involve unfold",
}


@pytest.mark.parametrize("seed", VECTORS)
def test_a_key_is_the_words_that_bip39_says(seed: str) -> None:
    assert phrase_of(Signer.from_seed(bytes.fromhex(seed))) == VECTORS[seed]
    assert parse_phrase(VECTORS[seed]).seed == bytes.fromhex(seed)


@given(st.binary(min_size=32, max_size=32))
def test_every_key_comes_back_from_its_words(seed: bytes) -> None:
    assert parse_phrase(phrase_of(Signer.from_seed(seed))).seed == seed


def test_case_and_line_breaks_do_not_matter() -> None:
    text = phrase_of(Signer.from_seed(bytes(32)))
    assert parse_phrase(text.upper().replace(" ", " \r\n\t")).seed == bytes(32)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 words"),
        ("abandon " * 12, "12 words"),
        ("abandon " * 24, "a word is wrong"),
        ("abandon " * 22 + "bandon art", "number 23"),
        ("abandon " * 1000, "words"),
        ("\N{GREEK SMALL LETTER ALPHA} " * 24, "number 1, 2"),
    ],
)
def test_other_words_are_refused_and_not_repeated(text: str, why: str) -> None:
    with pytest.raises(PhraseInvalid, match=why) as caught:
        parse_phrase(text)
    assert "bandon" not in str(caught.value)
