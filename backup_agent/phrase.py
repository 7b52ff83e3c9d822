"""A space's key as 24 words: what its owner writes down, and types in on another machine.

The words are those of BIP39 for the key's 32 bytes as entropy, in English, without a passphrase: no
wallet derives anything from them, they *are* the seed of the Ed25519 key.

Source: https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backup_agent.errors import PhraseInvalid
from ucan import Signer

if TYPE_CHECKING:
    from mnemonic import Mnemonic

WORDS = 24

MAX_PHRASE_CHARS = 1024
"""Of what is typed in: 24 words of at most eight letters, with room for line breaks."""


def phrase_of(signer: Signer) -> str:
    """The words of a key. Whoever has them has the space (T5)."""
    return _english().to_mnemonic(signer.seed)


def parse_phrase(text: str) -> Signer:
    """The key of its words, in any case, with any white space between them.

    Raises PhraseInvalid, which says what is wrong and repeats no word.
    """
    words = text[: MAX_PHRASE_CHARS + 1].lower().split()
    if len(text) > MAX_PHRASE_CHARS or len(words) != WORDS:
        raise PhraseInvalid(f"it has {len(words)} words instead of {WORDS}")
    english = _english()
    unknown = [str(number) for number, word in enumerate(words, 1) if word not in english.wordlist]
    if unknown:
        raise PhraseInvalid(f"not of the list of such words: number {', '.join(unknown)}; check the spelling")
    try:
        return Signer.from_seed(bytes(english.to_entropy(words)))
    except ValueError:
        raise PhraseInvalid("a word is wrong, or two have changed places") from None


def _english() -> Mnemonic:
    from mnemonic import Mnemonic

    return Mnemonic("english")
