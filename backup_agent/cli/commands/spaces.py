"""`skypail space create`, `list`, `info`, and the keys of spaces."""

from __future__ import annotations

import getpass
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from backup_agent.catalogue import entries
from backup_agent.cli.output import WHOLE, print_error, print_json, print_table, print_text, size_text
from backup_agent.cli.workbench import Workbench, settings, workbench
from backup_agent.errors import PhraseInvalid, SpaceKeyUnknown
from backup_agent.home import Home
from backup_agent.phrase import MAX_PHRASE_CHARS, WORDS, parse_phrase, phrase_of
from backup_agent.place_list import KnownPlace, PlaceList
from backup_agent.prune.policy import stored_policy
from pail import run
from space import SpaceUnavailable, Where

WRITE_DOWN = (
    "Write these words down and keep them apart from this machine: they are the key of the space. "
    "With them and the space's shards everything comes back; whoever else has them has the space."
)


def create(where: Where | None, as_json: bool) -> int:
    """Make a space where there is none. The key goes to people only, never into JSON unasked (T5)."""
    with workbench(where, create=True) as bench:
        did, where = bench.space.did, bench.space.place.title
        if not bench.is_new_space:
            raise SpaceUnavailable(f"there is a space in {where} already; nothing was changed")
        signer = bench.home.space_signer(did)
    if as_json:
        print_json({"space": did, "place": where})
        return WHOLE
    assert signer is not None, "it was made just now"
    print_text(f"Made the space {did} in {where}", "", phrase_of(signer), "", WRITE_DOWN)
    return WHOLE


def list_(as_json: bool) -> int:
    """A folder says itself what it is; other places are those that this home knows of."""
    home = Home.open(settings().home)
    found = {did: PlaceList(home.places, did).load() for did in home.space_keys()}
    if as_json:
        print_json({"spaces": [_listed(did, places) for did, places in found.items()]})
    elif found:
        print_text(*(line for did, places in found.items() for line in (did, *map(_place_line, places))))
    else:
        print_text(
            "No key of a space is here; `skypail space create` makes one, `space key import` takes one"
        )
    return WHOLE


def _listed(did: str, places: Sequence[KnownPlace]) -> dict[str, Any]:
    used = [place.where for place in places if place.left_for is None]
    left = {place.where: place.left_for for place in places if place.left_for is not None}
    return {"space": did} | ({"places": used} if used else {}) | ({"left": left} if left else {})


def _place_line(place: KnownPlace) -> str:
    return f"  {place.where}" + (f" (left as it was; moved to {place.left_for})" if place.left_for else "")


def info(where: Where | None, as_json: bool) -> int:
    """What can be told without reading the shards."""
    with workbench(where) as bench:
        document = _document(bench)
        if bench.is_hosted:
            document["usage"] = _usage(bench)
    if as_json:
        print_json(document)
        return WHOLE
    print_text(
        f"Space     {document['space']}",
        f"Place     {document['place']}",
        f"Key       {'here' if document['keyHere'] else 'not on this machine'}",
        f"Holds     {document['shards']:,} shards, {size_text(document['bytes'])}",
        *_usage_line(document.get("usage")),
        f"Agents    {', '.join(document['agents']) or 'none yet'}",
        f"Keeps     {document['retention'] or 'every snapshot: `skypail prune` has no policy yet'}",
    )
    rows = [[account, f"{count:,}"] for account, count in document["accounts"].items()]
    if rows:
        print_table(("ACCOUNT", "SNAPSHOTS"), rows)
    return WHOLE


def _usage(bench: Workbench) -> dict[str, int] | None:
    """What the provider counts and allows; None if it does not tell, and why on standard error."""
    from backup_agent.authority import Authority
    from backup_agent.hosted.line import ProviderLine
    from backup_agent.hosted.opening import pinned
    from backup_agent.hosted.registering import usage
    from space.remote.address import parse_provider

    url = parse_provider(str(bench.where)).url
    line = ProviderLine(url, allow_private=bench.settings.allow_private_hosts)
    try:
        authority = Authority(bench.home, bench.signer, bench.space.did)
        found = usage(line, line.asking(pinned(bench.home, line, bench.space.did), authority))
    except SpaceUnavailable as error:
        print_error(f"how much room there is cannot be told: {error}")
        return None
    finally:
        line.close()
    return None if found is None else found._asdict()


def _usage_line(found: dict[str, int] | None) -> list[str]:
    if not found:
        return []
    return [f"Room      {size_text(found['bytes'])} of {size_text(found['limit'])} used at the provider"]


def _document(bench: Workbench) -> dict[str, Any]:
    head, _ = bench.look()
    policy = stored_policy(head, bench.space.get)
    shards = bench.space.index.shards().values()
    return {
        "space": bench.space.did,
        "place": bench.space.place.title,
        "keyHere": bench.home.space_signer(bench.space.did) is not None,
        "shards": len(shards),
        "bytes": sum(row.entry.size for row in shards),
        "agents": sorted(bench.clock.report().agents),
        "accounts": dict(Counter(entry.account for entry in run(entries(head), bench.space.get))),
        "retention": None if policy is None else str(policy),
    }


def export(where: Where | None, as_json: bool) -> int:
    """Raises SpaceKeyUnknown."""
    with workbench(where) as bench:
        did, signer = bench.space.did, bench.home.space_signer(bench.space.did)
    if signer is None:
        raise SpaceKeyUnknown(did)
    if as_json:
        print_json({"space": did, "phrase": phrase_of(signer)})
    else:
        print_text(phrase_of(signer))
    return WHOLE


def import_(as_json: bool) -> int:
    """Keep the key. Raises PhraseInvalid."""
    signer = parse_phrase(_ask_phrase())
    home = Home.open(settings().home)
    is_new = home.space_signer(signer.did) is None
    home.keep_space_key(signer)
    if as_json:
        print_json({"space": signer.did, "new": is_new})
    else:
        print_text(
            f"{'Took' if is_new else 'This machine has'} the key of {signer.did}",
            "Where only its shards are left, `skypail space recover --space DIR|URL` brings the space back",
        )
    return WHOLE


def _ask_phrase() -> str:
    """From the terminal without echo, or standard input: never the command line (T5)."""
    try:
        if sys.stdin.isatty():
            return getpass.getpass(f"The {WORDS} words, on one line: ")
        return sys.stdin.read(MAX_PHRASE_CHARS + 1)
    except (EOFError, UnicodeDecodeError):
        raise PhraseInvalid("nothing was typed that is text") from None
