"""`skypail space create`, `space register` and what is told of a space, at a provider."""

from __future__ import annotations

from backup_agent.authority import Authority
from backup_agent.cli.commands.spaces import WRITE_DOWN
from backup_agent.cli.meant_space import space_for
from backup_agent.cli.output import INCOMPLETE, WHOLE, print_error, print_json, print_text
from backup_agent.cli.workbench import settings
from backup_agent.errors import SpaceKeyUnknown
from backup_agent.home import Home
from backup_agent.hosted.asking import not_hosted
from backup_agent.hosted.line import ProviderLine
from backup_agent.hosted.opening import pinned
from backup_agent.hosted.registering import is_hosted, register_space
from backup_agent.phrase import phrase_of
from space import Where
from space.remote.address import ProviderAddress, parse_provider


def create(url: str, as_json: bool) -> int:
    """Make a key, and say how the provider comes to host its space. Exit code 3 until it does."""
    address, home = parse_provider(url), Home.open(settings().home)
    line = ProviderLine(address.url, allow_private=settings().allow_private_hosts)
    try:
        provider = line.did()  # before a key is made for a place that is none
        did = address.space or home.new_space()
        pinned(home, line, did, provider)
        hosted = is_hosted(line, line.asking(provider, Authority(home, home.agent(), did)))
    finally:
        line.close()
    signer = home.space_signer(did)
    if signer is None:
        raise SpaceKeyUnknown(did)
    place = f"{address.url}/{did}"
    if as_json:
        print_json({"space": did, "place": place, "hosted": hosted})
    else:
        print_text(f"Made the space {did} for {address.url}", "", phrase_of(signer), "", WRITE_DOWN)
        print_text(f"Name it by --space {place}")
    if not hosted:
        print_error(not_hosted(address.url, did))
    return WHOLE if hosted else INCOMPLETE


def register(url: str, account: str | None, did: str | None, where: Where | None, as_json: bool) -> int:
    """Have the provider host the space. account: a mail address, whose owner says yes by a link.

    did: of the provider. Exit code 3 if it does not host it yet.
    """
    address, home = parse_provider(url), Home.open(settings().home)
    space = space_for(home, address, where)
    line = ProviderLine(address.url, allow_private=settings().allow_private_hosts)
    try:
        asking = line.asking(pinned(home, line, space, did), Authority(home, home.agent(), space))
        hosted = is_hosted(line, asking)
        if not hosted and account is not None:
            register_space(line, asking, account, lambda sentence: print_error(sentence))
            hosted = True
    finally:
        line.close()
    place = str(ProviderAddress(address.url, space))
    if as_json:
        print_json({"space": space, "place": place, "hosted": hosted})
    elif hosted:
        print_text(f"{address.url} hosts the space {space}", f"Name it by --space {place}")
    if not hosted:
        print_error(not_hosted(address.url, space))
    return WHOLE if hosted else INCOMPLETE
