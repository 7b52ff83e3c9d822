"""A name is resolved once, every address checked, only a checked address connected to (T4)."""

import asyncio
import socket
from collections.abc import Iterable, Sequence

import httpcore
import pytest

from backup_agent.errors import HostRefused, HostUnreachable
from backup_agent.net.dial import MAX_ADDRESSES, GuardedBackend, system_lookup

PUBLIC = "93.184.216.34"


class Connections(httpcore.AsyncNetworkBackend):
    """Remembers where connections went; those in `dead` fail."""

    def __init__(self, dead: Iterable[str] = ()) -> None:
        self.made: list[tuple[str, int]] = []
        self.dead = set(dead)

    async def connect_tcp(
        self, host: str, port: int, *args: object, **more: object
    ) -> httpcore.AsyncNetworkStream:
        self.made.append((host, port))
        if host in self.dead:
            raise httpcore.ConnectError("dead")
        return httpcore.AsyncMockStream([])


def connect(
    addresses: Sequence[str],
    connections: Connections,
    *,
    host: str = "pds.example.com",
    allow_private: bool = False,
) -> None:
    async def lookup(name: str) -> Sequence[str]:
        assert name == host
        return addresses

    backend = GuardedBackend(lookup, allow_private=allow_private, connect=connections)
    asyncio.run(backend.connect_tcp(host, 443))


def test_the_connection_goes_to_the_checked_address_not_to_the_name() -> None:
    connections = Connections()
    connect([PUBLIC], connections)
    assert connections.made == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "bad", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:1.2.3.4", "fe80::1%1"]
)
def test_one_bad_address_refuses_the_host(bad: str) -> None:
    connections = Connections()
    with pytest.raises(HostRefused):
        connect([PUBLIC, bad], connections)
    assert connections.made == []


def test_a_bad_address_beyond_those_tried_refuses_the_host_too() -> None:
    addresses = [f"93.184.216.{n}" for n in range(MAX_ADDRESSES)]
    with pytest.raises(HostRefused):
        connect([*addresses, "10.0.0.1"], Connections())


def test_rebinding_gains_nothing() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    connections = Connections()

    async def lookup(_: str) -> Sequence[str]:
        return next(answers)

    backend = GuardedBackend(lookup, allow_private=False, connect=connections)
    asyncio.run(backend.connect_tcp("pds.example.com", 443))
    with pytest.raises(HostRefused):
        asyncio.run(backend.connect_tcp("pds.example.com", 443))
    assert connections.made == [(PUBLIC, 443)]


def test_the_next_address_is_tried_when_one_is_dead() -> None:
    connections = Connections(dead=[PUBLIC])
    connect([PUBLIC, "2606:4700::1111"], connections)
    assert connections.made == [(PUBLIC, 443), ("2606:4700::1111", 443)]


def test_all_dead_is_an_error_after_a_bounded_number_of_tries() -> None:
    addresses = [f"93.184.216.{n}" for n in range(100)]
    connections = Connections(dead=addresses)
    with pytest.raises(httpcore.ConnectError):
        connect(addresses, connections)
    assert len(connections.made) == MAX_ADDRESSES


def test_a_name_without_address() -> None:
    with pytest.raises(HostUnreachable, match="no address"):
        connect([], Connections())


def test_a_name_that_cannot_be_resolved() -> None:
    async def lookup(_: str) -> Sequence[str]:
        raise OSError("no such name, and a detail")

    backend = GuardedBackend(lookup, allow_private=False, connect=Connections())
    with pytest.raises(HostUnreachable, match="cannot be resolved"):
        asyncio.run(backend.connect_tcp("pds.example.com", 443))


@pytest.mark.parametrize(
    ("fault", "transient"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (socket.gaierror(socket.EAI_NODATA, "No address"), False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), True),
    ],
)
def test_a_name_that_does_not_exist_is_not_asked_for_again(fault: OSError, transient: bool) -> None:
    async def lookup(_: str) -> Sequence[str]:
        raise fault

    backend = GuardedBackend(lookup, allow_private=False, connect=Connections())
    with pytest.raises(HostUnreachable) as error:
        asyncio.run(backend.connect_tcp("pds.example.com", 443))
    assert error.value.transient is transient


def test_the_system_resolves() -> None:
    assert asyncio.run(system_lookup("127.0.0.1")) == ["127.0.0.1"]


def test_a_resolver_that_hangs_is_given_up() -> None:
    async def lookup(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    backend = GuardedBackend(lookup, allow_private=False, connect=Connections())
    with pytest.raises(HostUnreachable, match="in time"):
        asyncio.run(backend.connect_tcp("pds.example.com", 443, timeout=0.01))


@pytest.mark.parametrize("host", ["localhost", "pds.localhost", "LOCALHOST"])
def test_localhost_is_loopback_and_never_asked_of_dns(host: str) -> None:
    async def lookup(_: str) -> Sequence[str]:
        raise AssertionError

    connections = Connections()
    for allow_private in (True, False):
        backend = GuardedBackend(lookup, allow_private=allow_private, connect=connections)
        if allow_private:
            asyncio.run(backend.connect_tcp(host, 2583))
        else:
            with pytest.raises(HostRefused):
                asyncio.run(backend.connect_tcp(host, 2583))
    assert connections.made == [("127.0.0.1", 2583)]


def test_a_name_may_lead_to_loopback_when_private_hosts_are_allowed() -> None:
    connections = Connections()
    connect(["127.0.0.1"], connections, allow_private=True)
    assert connections.made == [("127.0.0.1", 443)]


def test_allow_private_does_not_allow_the_local_network() -> None:
    with pytest.raises(HostRefused):
        connect(["192.168.1.1"], Connections(), allow_private=True)
