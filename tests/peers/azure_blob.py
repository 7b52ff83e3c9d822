"""Azurite, Microsoft's own emulator of Azure's blob storage, in a process of its own, all in memory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import httpx
from obstore.store import ObjectStore

from space.bucket.address import parse_address
from space.bucket.store import open_store
from tests.peers.npm import node_of
from tests.space.bucket_server import BucketGround

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What every emulator has, by Azure's documentation."""

START_TIMEOUT_S = 30.0
VERSION = "2021-08-06"


@contextmanager
def run_azurite(project: Path) -> Generator[str]:
    """The endpoint's URL. project: that of `npm_project`."""
    port = _free_port()
    main = project.parent / "node_modules/azurite/dist/src/blob/main.js"
    options = ["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    process = subprocess.Popen([node_of(project), str(main), *options, *where], stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        _wait_for(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str) -> None:
    ends_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < ends_at:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"azurite does not listen at {url}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def make_container(url: str, name: str) -> None:
    """By a request that is signed as Azure's "Authorize with Shared Key" has it."""
    date = formatdate(usegmt=True)
    path = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signed = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{VERSION}\n{path}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256))
    headers = {"x-ms-date": date, "x-ms-version": VERSION}
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature.decode()}"
    httpx.put(f"{url}/{name}?restype=container", headers=headers).raise_for_status()


class AzureGround(BucketGround):
    """Places of several machines in one container; what says so is in the environment."""

    def store(self, url: str | None = None) -> ObjectStore:
        address = parse_address(f"az://{self.bucket}/a/prefix")
        return open_store(address, os.environ, allow_private=True)
