"""Accounts: mail addresses that agents act for, and what is delegated to whoever claims it later.

    authorize  an agent asks to act for did:mailto:…; the link goes to that address
    confirm    whoever has the link says yes: the service attests that the account gave the agent
    claim      the agent fetches that, and whatever else is kept for it

Source: @storacha/upload-api 2.8.4, access
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from time import time
from urllib.parse import unquote

from pail import CID, DecodeError, MissingBlock, TooLarge, Value
from pail.car import encode_car
from provider.capabilities import CONFIRM, Authorize, Confirm, capability, is_account
from provider.delegation_rows import MAX_ARCHIVE_BYTES
from provider.errors import DelegationNotFound, TooMuch
from provider.mail import Mail
from provider.records import Kept
from provider.store import ProviderStore
from provider.throttle import Throttle
from ucan import (
    ALL_OF_ISSUER,
    Absentee,
    BadSignature,
    Capability,
    Delegation,
    NamedSigner,
    Outcome,
    Task,
    decode_archive,
    delegate,
    encode_archive,
    view_delegation,
)

CONFIRM_LIFE_S = 15 * 60

ATTEST = "ucan/attest"

MAX_ADDRESS_CHARS = 254
"""Source: RFC 5321, 4.5.3.1"""

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=^`{|}~-]{1,64}@[^\W_][\w-]*(?:\.[\w-]+)*")
"""One plain address. Without `:`, a group of others; `?`, words in a code; quotes, comments and lists."""

MAX_LINK_CHARS = 16 << 10
MAX_CLAIM_BYTES, MAX_SESSION_BYTES = 1 << 20, 1 << 18
"""Of what one claim is answered with, in one block that clients take; and of the proofs of one session."""


class Accounts:
    """mail: None confirms everybody at once, which is for tests. counters: the service's."""

    def __init__(
        self,
        store: ProviderStore,
        issuer: NamedSigner,
        base_url: str,
        mail: Mail | None,
        *,
        counters: Counter[str],
        now: Callable[[], float] = time,
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._base_url = base_url
        self._mail = mail
        self._now = now
        self._throttle = Throttle(counters, now)

    async def authorize(self, task: Task[Authorize]) -> Outcome:
        """Ask the account's owner. Raises AccountBlocked, StoreUnavailable if there is no mail now."""
        if task.nb.account is None:
            raise DelegationNotFound("iss names no account to be authorized by")
        confirmation = self._confirmation(task, task.nb.account)
        if self._mail is None:
            await self.confirm(
                Confirm(task.invocation.cid, task.nb.account, task.resource, task.nb.abilities),
                confirmation.cid,
            )
        else:
            to = address_of(task.nb.account)
            is_new = not await self._store.has_spaces(task.nb.account)
            self._throttle.check(mailbox_of(to), task.resource, is_new=is_new)
            await self._mail.send(to, "Confirm your address", self._letter(task.resource, confirmation))
        expires = confirmation.ucan.expires_at_unix
        return Outcome({"request": task.invocation.cid, "expiration": expires}, join=confirmation.cid)

    def _confirmation(self, task: Task[Authorize], account: str) -> Delegation:
        asked: Value = [{"can": each} for each in task.nb.abilities]
        wanted = capability(
            CONFIRM.can,
            self._issuer.did,
            iss=account,
            aud=task.resource,
            att=asked,
            cause=task.invocation.cid,
        )
        expires = int(self._now()) + CONFIRM_LIFE_S
        return delegate(self._issuer, self._issuer.did, [wanted], expires_at_unix=expires)

    def _letter(self, agent: str, confirmation: Delegation) -> str:
        token = base64.urlsafe_b64encode(encode_archive(confirmation)).decode().rstrip("=")
        url = f"{self._base_url}/validate-email?ucan={token}&mode=authorize"
        return f"Open this link within a quarter of an hour to let the agent {agent} act for you:\n\n{url}\n"

    async def confirm(self, nb: Confirm, confirmed: CID) -> list[Delegation]:
        """The account gives the agent what it asked for; kept for the agent to claim."""
        facts: dict[str, Value] = {"access/request": nb.cause, "access/confirm": confirmed}
        given = [Capability(can, ALL_OF_ISSUER) for can in nb.abilities]
        session = self._session(nb.account, nb.agent, given, [facts], ())
        await self._store.keep_delegations([kept(each) for each in session], None)
        return session

    def _session(
        self,
        account: str,
        agent: str,
        given: Sequence[Capability],
        facts: Sequence[dict[str, Value]],
        proofs: Iterable[Delegation],
    ) -> list[Delegation]:
        """A delegation by who has no key, and the service's word for it."""
        delegation = delegate(
            Absentee(account), agent, given, expires_at_unix=None, facts=facts, proofs=proofs
        )
        word = capability(ATTEST, self._issuer.did, proof=delegation.cid)
        return [delegation, delegate(self._issuer, agent, [word], expires_at_unix=None, facts=facts)]

    async def claim(self, claimant: str) -> dict[str, Value]:
        """What is kept for `claimant`, a CAR for each delegation; sessions are made anew, so that they
        prove all that the account holds by now.
        """
        found = {each.cid: decode_archive(each.archive) for each in await self._store.delegations(claimant)}
        sessions: dict[CID, Delegation] = {}
        for attestation in list(found.values()):
            login = self._attested(attestation, found)
            if login is not None:
                del found[attestation.cid], found[login.cid]
                sessions |= {each.cid: each for each in await self._renewed(attestation, login)}
        cars: dict[str, Value] = {}
        left = MAX_CLAIM_BYTES
        for cid, each in (sessions | found).items():
            car = encode_car([cid], each.export())
            if len(car) <= left:
                left -= len(car)
                cars[str(cid)] = car
        return cars

    async def _renewed(self, attestation: Delegation, login: Delegation) -> list[Delegation]:
        """The session of a login, with all that the account holds by now; none if one of it was revoked."""
        made = await self._store.sessions(attestation.cid)
        if await self._store.clocks.revocations([attestation.cid, login.cid, *made]):
            return []
        held = _fitting(await self._store.delegations(login.issuer))
        ucan = login.ucan
        session = self._session(login.issuer, ucan.audience, ucan.capabilities, ucan.facts, held)
        new = [each.cid for each in session if each.cid not in made]
        if new:
            await self._store.keep_sessions(attestation.cid, new)
        return session

    def _attested(self, attestation: Delegation, found: dict[CID, Delegation]) -> Delegation | None:
        """The login that `attestation` is the service's own word for, if both are kept."""
        if attestation.cid not in found or not self._is_ours(attestation):
            return None
        for each in attestation.ucan.capabilities:
            login = found.get((each.nb or {}).get("proof", b"")) if each.can == ATTEST else None
            if login is not None and is_account(login.issuer):
                return login
        return None

    def _is_ours(self, attestation: Delegation) -> bool:
        """Anybody may have had it kept: only our own signature makes it our word."""
        if attestation.issuer != self._issuer.did:
            return False
        try:
            self._issuer.signer.verifier.verify_varsig(attestation.payload, attestation.ucan.signature)
        except BadSignature:
            return False
        expires = attestation.ucan.expires_at_unix
        return expires is None or expires > self._now()

    async def keep(self, task: Task[tuple[CID, ...]]) -> None:
        """Keep delegations for their audiences. Raises DelegationNotFound, TooMuch, InsufficientStorage."""
        delegations = [_proof(task, cid) for cid in task.nb]
        await self._store.keep_delegations([kept(each) for each in delegations], task.resource)


def kept(delegation: Delegation) -> Kept:
    """As it is kept. Raises TooMuch."""
    archive = encode_archive(delegation)
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise TooMuch(f"a delegation with its proofs has {MAX_ARCHIVE_BYTES} bytes at most")
    return Kept(delegation.cid, delegation.audience, archive)


def _fitting(delegations: Sequence[Kept]) -> list[Delegation]:
    """The first of them, as many as have room in a session."""
    sizes = accumulate(len(each.archive) for each in delegations)
    return [
        decode_archive(each.archive)
        for each, size in zip(delegations, sizes, strict=True)
        if size <= MAX_SESSION_BYTES
    ]


def _proof(task: Task[tuple[CID, ...]], cid: CID) -> Delegation:
    if cid in task.invocation.ucan.proofs:
        try:
            return view_delegation(cid, task.blocks)
        except (MissingBlock, DecodeError, TooLarge) as error:
            raise DelegationNotFound(f"the delegation {cid} did not come along: {error}") from error
    raise DelegationNotFound(f"missing proof for delegation cid {cid}")


def decode_link(text: str) -> Delegation:
    """The confirmation in a link. Raises DecodeError, TooLarge, MissingBlock."""
    if len(text) > MAX_LINK_CHARS:
        raise TooLarge("the link is too long")
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise DecodeError("the link was cut") from error
    return decode_archive(data)


def address_of(account: str) -> str:
    """The mail address of a did:mailto. Raises DelegationNotFound for one that is none."""
    _, _, domain, name = account.split(":")
    address = f"{unquote(name)}@{unquote(domain)}"
    if len(address) > MAX_ADDRESS_CHARS or not _ADDRESS.fullmatch(address):
        raise DelegationNotFound(f"{account} is no mail address")
    return address


def mailbox_of(address: str) -> str:
    """Where its mail most likely ends up, whatever its capitals and what stands behind a `+`."""
    name, _, domain = address.casefold().partition("@")
    return f"{name.partition('+')[0]}@{domain}"
