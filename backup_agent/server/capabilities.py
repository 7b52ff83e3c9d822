"""The abilities of a server agent, and their caveats as they stand on the wire (spec/server_agent.md, 1)."""

from __future__ import annotations

from typing import NamedTuple, cast

from backup_agent.handle import is_account_did
from backup_agent.server.schedule import ClockOf, PlaceOf, Schedule
from pail import CID, DecodeError, Value
from pail.fields import Fields
from ucan import Definition, is_did, no_caveats
from ucan.token import MAX_TIME_UNIX_S

MAX_URL_CHARS = 2048
MAX_KEEP_CHARS = 200
MAX_SEALED_BYTES = 16 << 10
MAX_DELEGATIONS = 8


class Asked(NamedTuple):
    """What `backup/schedule` asks for. delegations: links to UCANs that come along.

    is_renewal: only of what is scheduled, so that what was removed does not come back.
    """

    schedule: Schedule
    delegations: tuple[CID, ...]
    is_renewal: bool = False


def _take_asked(fields: Fields) -> Asked:
    schedule = Schedule(
        account=_take_account(fields),
        every_s=fields.count("every"),
        place=_take_place(fields.take("place", dict)),
        clock=_take_clock(fields.take_optional("clock", dict)),
        until_s=_take_until(fields),
        keep=_bounded(fields.take_optional("keep", str), "keep", MAX_KEEP_CHARS),
    )
    links = cast("list[Value]", fields.take("delegations", list))
    if not 1 <= len(links) <= MAX_DELEGATIONS or not all(isinstance(link, CID) for link in links):
        raise DecodeError(f"delegations is no list of 1 to {MAX_DELEGATIONS} links")
    is_renewal = bool(fields.take_optional("renewal", bool))
    return Asked(schedule, tuple(cast("list[CID]", links)), is_renewal)


def _take_account(fields: Fields) -> str:
    account = fields.take("account", str)
    if not is_account_did(account):
        raise DecodeError("account is no DID of an account")
    return account


def _take_until(fields: Fields) -> int | None:
    until_s = fields.take_optional("until", int)
    if until_s is not None and abs(until_s) > MAX_TIME_UNIX_S:
        raise DecodeError("until is no time in seconds")
    return until_s


def _take_place(value: Value) -> PlaceOf:
    fields = Fields("place", value)
    url = _bounded(fields.take("url", str), "place.url", MAX_URL_CHARS)
    sealed, provider = fields.take_optional("sealed", bytes), fields.take_optional("did", str)
    fields.done()
    if sealed is not None and len(sealed) > MAX_SEALED_BYTES:
        raise DecodeError(f"place.sealed has more than {MAX_SEALED_BYTES} bytes")
    if provider is not None and not is_did(provider):
        raise DecodeError("place.did is no DID")
    return PlaceOf(str(url), sealed, provider)


def _take_clock(value: Value) -> ClockOf | None:
    if value is None:
        return None
    fields = Fields("clock", value)
    url, did = _bounded(fields.take("url", str), "clock.url", MAX_URL_CHARS), fields.take("did", str)
    fields.done()
    if not is_did(did):
        raise DecodeError("clock.did is no DID")
    return ClockOf(str(url), did)


def _bounded(text: str | None, name: str, limit: int) -> str | None:
    if text is not None and (len(text) > limit or not (text.isascii() and text.isprintable())):
        raise DecodeError(f"{name} is no plain text of at most {limit} characters")
    return text


SCHEDULE = Definition("backup/schedule", _take_asked)
LIST = Definition("backup/list", no_caveats)
STATUS = Definition("backup/status", _take_account)
NOW = Definition("backup/now", _take_account)
PAUSE = Definition("backup/pause", _take_account)
RESUME = Definition("backup/resume", _take_account)
REMOVE = Definition("backup/remove", _take_account)
