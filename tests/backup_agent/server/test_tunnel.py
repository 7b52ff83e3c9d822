"""What a bucket's client library connects to is checked at every connection."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import obstore
import pytest
from obstore.exceptions import BaseError

from backup_agent.server.tunnel import MAX_HEAD_BYTES, Tunnel
from space.bucket.address import parse_address
from space.bucket.store import open_store

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-1"}


class Rebinding:
    """A name server that says a public address first, and then one of the operator's own network."""

    def __init__(self, *addresses: str) -> None:
        self.asked = list[str]()
        self._addresses = addresses

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return [self._addresses[min(len(self.asked), len(self._addresses)) - 1]]


def say(tunnel: Tunnel, head: str, *, token: bool = True) -> socket.socket:
    url = urlsplit(tunnel.url)
    connection = socket.create_connection(("127.0.0.1", url.port or 0), timeout=10)
    text = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    line = f"Proxy-Authorization: Basic {text}\r\n" if token else ""
    connection.sendall(f"{head}\r\n{line}\r\n".encode())
    return connection


def status(connection: socket.socket) -> str:
    with connection:
        return connection.recv(99).decode().split(" ")[1]


def test_what_goes_through_comes_out_and_ends_when_it_ends() -> None:
    tunnel = Tunnel(allow_private=True)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(99)[::-1])

        thread = threading.Thread(target=echo)
        thread.start()
        with say(tunnel, f"CONNECT localhost:{server.getsockname()[1]} HTTP/1.1") as connection:
            assert connection.recv(99) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            connection.sendall(b"abc")
            assert connection.recv(99) == b"cba"
            assert connection.recv(99) == b""
        thread.join()


def test_who_goes_away_keeps_no_connection_open() -> None:
    tunnel = Tunnel(allow_private=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with say(tunnel, f"CONNECT localhost:{server.getsockname()[1]} HTTP/1.1") as connection:
            connection.recv(99)
            there, _ = server.accept()
        with there:
            there.settimeout(10)
            assert there.recv(99) == b""


@pytest.mark.parametrize("target", ["10.0.0.1:443", "127.0.0.1:1", "[::1]:1", "169.254.169.254:80"])
def test_nothing_goes_inside(target: str) -> None:
    assert status(say(Tunnel(allow_private=False), f"CONNECT {target} HTTP/1.1")) == "502"


def test_a_name_that_leads_inside_by_then_is_refused() -> None:
    names = Rebinding("10.0.0.1")
    assert (
        status(say(Tunnel(allow_private=False, lookup=names), "CONNECT s3.example.com:443 HTTP/1.1")) == "502"
    )
    assert names.asked == ["s3.example.com"]


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1",
        "CONNECT",
        "CONNECT :1 HTTP/1.1",
        "CONNECT a:b HTTP/1.1",
        "CONNECT localhost:65536 HTTP/1.1",
        "é",
        "x" * MAX_HEAD_BYTES,
    ],
)
def test_it_does_that_and_nothing_else(head: str) -> None:
    assert status(say(Tunnel(allow_private=True), head)) == "400"


def test_it_is_for_this_process_alone() -> None:
    assert status(say(Tunnel(allow_private=True), "CONNECT localhost:1 HTTP/1.1", token=False)) == "407"


def test_the_client_library_goes_through_it() -> None:
    names = Rebinding("10.0.0.1")
    tunnel = Tunnel(allow_private=False, lookup=names)
    environ = KEYS | {"AWS_ENDPOINT_URL_S3": "https://s3.example.com"}
    store = open_store(
        parse_address("s3://bucket/prefix"), environ, retry={"max_retries": 0}, proxy=tunnel.url
    )
    with pytest.raises(BaseError):
        obstore.head(store, "space")
    assert names.asked[0] == "s3.example.com"
