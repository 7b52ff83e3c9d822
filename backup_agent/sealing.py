"""Private data is sealed with age to the owner's agent and whomever the owner names (T5).

An agent's Ed25519 key is an `ssh-ed25519` recipient, so the stock `age` tool opens what we seal:
`age -d -i agent_key preferences.age`.
Source: https://age-encryption.org/v1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backup_agent.errors import InvalidRecipient, SealedForOthers
from ucan import ED25519, InvalidPrincipal, parse_did_key

AGE_HEADER = b"age-encryption.org/v1\n"


def agent_recipient(seed: bytes) -> str:
    """The `ssh-ed25519 …` recipient of the agent with this 32-byte Ed25519 seed."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _private_key(seed).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def ssh_recipient(did: str) -> str:
    """The `ssh-ed25519 …` recipient of the agent `did`, a did:key of Ed25519. Raises InvalidRecipient."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = parse_did_key(did)
    except InvalidPrincipal as error:
        raise InvalidRecipient(did) from error
    if key.codec != ED25519:
        raise InvalidRecipient(did)
    return (
        Ed25519PublicKey.from_public_bytes(key.key)
        .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        .decode()
    )


def agent_identity(seed: bytes) -> bytes:
    """The agent's key as an OpenSSH private key file, which `age -i` reads."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return _private_key(seed).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def seal(plain: bytes, recipients: Sequence[str]) -> bytes:
    """An age file of `plain` that each of `recipients` can open.

    recipients: `age1…` or `ssh-ed25519 …`/`ssh-rsa …` texts, at least one. Raises InvalidRecipient.
    """
    return _age().encrypt(plain, [_parse_recipient(text) for text in recipients])


def unseal(sealed: bytes, seed: bytes) -> bytes:
    """What was sealed, opened with the agent's key. Raises SealedForOthers if that does not fit."""
    age = _age()
    try:
        return age.decrypt(sealed, [age.ssh.Identity.from_buffer(agent_identity(seed))])
    except age.DecryptError as error:
        raise SealedForOthers from error


def check_recipient(text: str) -> str:
    """`text` if age can seal to it. Raises InvalidRecipient."""
    _parse_recipient(text)
    return text


def _parse_recipient(text: str) -> Any:
    age = _age()
    kind = age.ssh if text.startswith("ssh-") else age.x25519
    try:
        return kind.Recipient.from_str(text)
    except age.RecipientError as error:
        raise InvalidRecipient(text) from error


def _age() -> Any:
    """pyrage, loaded where it is used, and without types of its own."""
    import pyrage

    return pyrage


def _private_key(seed: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)
