"""What the validator asks, and the shells that answer.

A `Validation` is a generator: it yields a question and is sent the answer, so that the decision
is pure and the same under a synchronous and an asynchronous shell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

from pail.cid import CID
from ucan.principal import Verifier

T = TypeVar("T")


class KeysOf(NamedTuple):
    """Asks for the keys that `did`, no did:key, signs with now; no keys if it cannot be resolved."""

    did: str


class RevocationsOf(NamedTuple):
    """Asks who revoked which of `ucans`: every stored revocation of them, whoever made it."""

    ucans: tuple[CID, ...]


class Revocation(NamedTuple):
    """ucan: what was revoked. by: the DID that did it, as its signed invocation proved."""

    ucan: CID
    by: str


Question = KeysOf | RevocationsOf
Validation = Generator[Question, Any, T]
"""Yields what it asks, is sent the answer, returns a T."""

Keys = Sequence[Verifier]
Revocations = Collection[Revocation]


def no_keys(did: str) -> Keys:
    """Resolves nothing: only did:key principals and the service itself can sign."""
    return ()


def no_revocations(ucans: Sequence[CID]) -> Revocations:
    """Where nothing can be revoked."""
    return ()


def answer(
    validation: Validation[T],
    *,
    keys_of: Callable[[str], Keys] = no_keys,
    revocations_of: Callable[[Sequence[CID]], Revocations] = no_revocations,
) -> T:
    """Drive `validation` to its result. Raises what the two functions raise."""
    try:
        reply: Keys | Revocations | None = None
        while True:
            question = validation.send(reply)
            reply = keys_of(question.did) if isinstance(question, KeysOf) else revocations_of(question.ucans)
    except StopIteration as stop:
        return stop.value
    finally:
        validation.close()


async def answer_async(
    validation: Validation[T],
    *,
    keys_of: Callable[[str], Awaitable[Keys]],
    revocations_of: Callable[[Sequence[CID]], Awaitable[Revocations]],
) -> T:
    """As `answer`, with functions that are awaited."""
    try:
        reply: Keys | Revocations | None = None
        while True:
            try:
                question = validation.send(reply)
            except StopIteration as stop:
                return stop.value
            if isinstance(question, KeysOf):
                reply = await keys_of(question.did)
            else:
                reply = await revocations_of(question.ucans)
    finally:
        validation.close()
