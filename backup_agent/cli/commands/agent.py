"""`skypail agent`: who may do what to a space."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backup_agent.authority import Authority
from backup_agent.cli.meant_space import space_at
from backup_agent.cli.output import FAILED, WHOLE, print_error, print_json, print_table, print_text
from backup_agent.cli.remote import Line, authority_of, open_line
from backup_agent.cli.workbench import settings, workbench
from backup_agent.clock_list import ClockList, KnownClock
from backup_agent.delegations import (
    HELD,
    ISSUED,
    KINDS,
    REVOKED,
    Delegations,
    check_delegation,
    load_delegation,
    space_of,
    write_delegation,
)
from backup_agent.errors import DelegationError
from backup_agent.expiry import parse_expiry, time_left
from backup_agent.handle import is_account_did
from backup_agent.home import Home
from backup_agent.scheduled import ScheduledList
from clock_service.errors import RemoteClockError
from pail import Value
from space import Where
from ucan import Delegation, InvalidPrincipal, encode_did, is_did
from ucan.capability import is_ability

OPS = ("put", "del")

CLOCK_ABILITIES = ("clock/advance", "clock/head")

AT_PROVIDER = (
    "space/blob/add",
    "space/blob/list",
    "space/index/add",
    "space/content/retrieve",
    "space/info",
    "upload/add",
    *CLOCK_ABILITIES,
)
"""What `--can provider` means: to add to a space at a provider and to read it, and to remove nothing."""


def id_(as_json: bool) -> int:
    """Say the agent's DID, to which others delegate."""
    did = Home.open(settings().home).agent().did
    print_json({"agent": did}) if as_json else print_text(did)
    return WHOLE


def delegate(
    to: str,
    abilities: Sequence[str],
    keys: str | None,
    ops: Sequence[str],
    expires: str,
    out: Path | None,
    where: Where | None,
    as_json: bool,
) -> int:
    """Write a delegation for another agent to a file, and keep a copy."""
    now_unix_s = int(time.time())
    meant = [AT_PROVIDER if can == "provider" else (can,) for can in abilities]
    abilities = [*dict.fromkeys(can for each in meant for can in each)]
    _check(to, abilities, keys, ops)
    if keys is not None and is_did(keys):
        keys += "/"  # did:web:example.com is meant, not did:web:example.community besides
    caveats: dict[str, Value] = {} if keys is None else {"keys": keys}
    if ops:
        caveats["ops"] = sorted(set(ops))
    with workbench(where) as bench:
        made = authority_of(bench).delegate(
            to, abilities, caveats, parse_expiry(expires, now_unix_s), now_unix_s
        )
        path = out or Path(f"{str(made.cid)[-12:]}.ucan")
        write_delegation(path, made)
        Delegations(bench.home.delegations).add(ISSUED, made)
    if as_json:
        print_json({**_row(made, ISSUED, now_unix_s), "file": str(path)})
    else:
        print_text(
            f"Wrote {path}: {_abilities_text(made)}, for {to}",
            f"Space: {bench.space.did} in {bench.where}",
            f"Time left: {time_left(made.ucan.expires_at_unix, now_unix_s)}",
            f"To use it there: skypail agent add {path.name}",
            f"To take it back: skypail agent revoke {made.cid}",
        )
    return WHOLE


def _check(to: str, abilities: Sequence[str], keys: str | None, ops: Sequence[str]) -> None:
    """Raises DelegationError for what could never be used."""
    try:
        encode_did(to)
    except InvalidPrincipal as error:
        raise DelegationError(
            f"{to[:80]!r} is no agent; `skypail agent id` there says which it is"
        ) from error
    if bad := next((can for can in abilities if not is_ability(can)), None):
        raise DelegationError(f"{bad[:80]!r} is no ability; write it like clock/advance")
    if bad := next((op for op in ops if op not in OPS), None):
        raise DelegationError(f"{bad[:80]!r} is no operation; there are {' and '.join(OPS)}")
    if keys is not None and keys.startswith("did:plc:") and not is_account_did(keys.partition("/")[0]):
        raise DelegationError(
            f"{keys.partition('/')[0][:80]!r} is the DID of no account: did:plc: and 24 letters and digits; "
            "`skypail snapshots --json` says those of your accounts"
        )
    if (keys is not None or ops) and not all(can in AT_PROVIDER for can in abilities):
        raise DelegationError(
            "--keys and --ops narrow clock/advance; name no other ability but clock/head, or `provider`"
        )


def add(file: Path, as_json: bool) -> int:
    """Keep a delegation that somebody made for this agent."""
    home, delegation = Home.open(settings().home), load_delegation(file)
    agent = home.agent()
    check_delegation(delegation, agent.did)
    now_unix_s = int(time.time())
    Delegations(home.delegations).add(HELD, delegation)
    if as_json:
        print_json(_row(delegation, HELD, now_unix_s))
    else:
        left = time_left(delegation.ucan.expires_at_unix, now_unix_s)
        print_text(f"From {delegation.issuer}: {_abilities_text(delegation)}; {left} left")
    return WHOLE


def list_(where: Where | None, as_json: bool) -> int:
    """List what this agent holds, and what it made for others. where: about the space there alone."""
    home, now_unix_s = Home.open(settings().home), int(time.time())
    kept = Delegations(home.delegations)
    rows = [_row(each, kind, now_unix_s) for kind in KINDS for each in kept.list(kind)]
    if where is not None:
        space = space_at(home, where)
        rows = [row for row in rows if row["space"] == space]
    if as_json:
        print_json({"agent": home.agent().did, "delegations": rows})
    elif not rows:
        print_text("No delegations")
    else:
        shown = [
            (
                row["kind"],
                row["space"],
                row["from"],
                row["to"],
                _can_text(row["can"]),
                row["left"],
                row["cid"],
            )
            for row in rows
        ]
        print_table(("KIND", "SPACE", "FROM", "TO", "CAN", "LEFT", "CID"), shown)
    return WHOLE


def revoke(cid: str, as_json: bool) -> int:
    """Tell every clock service of its space that a delegation is worth nothing."""
    chosen = settings()
    home = Home.open(chosen.home)
    kept = Delegations(home.delegations)
    delegation = kept.find(cid)
    authority = Authority(home, home.agent(), space_of(delegation))
    authority.revoker(delegation)  # may it be revoked from here at all
    kept.note_revoked(delegation)  # first: what a service misses now, `clock sync` tells it
    with open_line(chosen) as line:
        results = _revoke_at_each(line, authority, delegation)
    return _print_revoked(cid, results, as_json)


def _revoke_at_each(line: Line, authority: Authority, delegation: Delegation) -> dict[str, str | None]:
    """What each service of the space made of it: None, or why not."""
    results: dict[str, str | None] = {}
    scheduled = ScheduledList(authority.home.servers, authority.space).load()
    servers = [KnownClock(each.url, each.did) for each in scheduled if each.delegation == str(delegation.cid)]
    for clock in [*ClockList(authority.home.clocks, authority.space).load(), *servers]:
        try:
            line.revoke(clock, authority, delegation)
            results[clock.url] = None
        except RemoteClockError as error:
            results[clock.url] = str(error)
    return results


def _print_revoked(cid: str, results: dict[str, str | None], as_json: bool) -> int:
    told = [url for url, why in results.items() if why is None]
    failures = {url: why for url, why in results.items() if why is not None}
    for why in failures.values():
        print_error(f"{why}; `skypail clock sync` finishes it")
    if as_json:
        print_json({"cid": cid, "revokedAt": told, "failed": failures})
    elif told:
        print_text(f"Revoked {cid} at {', '.join(told)}")
    if not results:
        print_error(
            "no clock service is in use for its space, so nobody could be told; the next one in use will be"
        )
    return WHOLE if results and not failures else FAILED


def _row(delegation: Delegation, kind: str, now_unix_s: int) -> dict[str, Any]:
    expires = delegation.ucan.expires_at_unix
    return {
        "cid": str(delegation.cid),
        "kind": kind,
        "from": delegation.issuer,
        "to": delegation.audience,
        "space": space_of(delegation),
        "can": [
            {
                "can": each.can,
                **{name: value for name, value in (each.nb or {}).items() if name in ("keys", "ops")},
            }
            for each in delegation.ucan.capabilities
        ],
        "expiresAtUnix": expires,
        "left": REVOKED if kind == REVOKED else time_left(expires, now_unix_s),
    }


def _abilities_text(delegation: Delegation) -> str:
    return _can_text(_row(delegation, HELD, 0)["can"])


def _can_text(cans: Sequence[dict[str, Any]]) -> str:
    texts: list[str] = []
    for can in cans:
        keys = [f"below {can['keys']}"] if "keys" in can else []
        ops = [f"{'/'.join(map(str, can['ops']))} only"] if "ops" in can else []
        narrowed = f" ({', '.join([*keys, *ops])})" if keys or ops else ""
        texts.append(can["can"] + narrowed)
    return ", ".join(texts)
