"""Bucket servers for tests: moto's S3 in this process, and grounds of places in buckets."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import ObjectStore

from space import Space
from space.bucket.address import parse_address
from space.bucket.opening import bucket_place
from space.bucket.place import BucketPlace
from space.bucket.store import open_store
from space.place_cache import PlaceCache
from tests.space.blocks import DID

_numbers = itertools.count()

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


class BucketServer:
    """moto's S3 on loopback, as long as the process or until `stop`. url: of the endpoint."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def stop(self) -> None:
        self._server.stop()

    def new_bucket(self) -> str:
        name = f"bucket-{os.getpid()}-{next(_numbers)}"
        httpx.put(f"{self.url}/{name}").raise_for_status()
        return name


def environ(url: str) -> dict[str, str]:
    """What says to use the server at `url`."""
    return {**KEYS, "AWS_ENDPOINT_URL": url}


def store_at(url: str, bucket: str, prefix: str = "a/prefix") -> ObjectStore:
    """A store that soon gives up."""
    return open_store(
        parse_address(f"s3://{bucket}/{prefix}"),
        environ(url),
        allow_private=True,
        retry={
            "max_retries": 1,
            "retry_timeout": timedelta(seconds=10),
            "backoff": {
                "init_backoff": timedelta(milliseconds=1),
                "max_backoff": timedelta(milliseconds=2),
                "base": 2,
            },
        },
    )


class BucketGround:
    """Places of several machines in one bucket."""

    def __init__(self, path: Path, url: str, bucket: str) -> None:
        self._path = path
        self.bucket = bucket
        self.url = url
        self.slept_s: list[float] = []
        self.sleep: Callable[[float], None] = self.slept_s.append

    def store(self, url: str | None = None) -> ObjectStore:
        return store_at(url or self.url, self.bucket)

    def place(self, machine: str, url: str | None = None) -> BucketPlace:
        kept = PlaceCache(self._path / machine, self.bucket)
        title = f"s3://{self.bucket}/a/prefix"
        return bucket_place(self.store(url), title, kept, sleep=self.sleep)

    def space(self, machine: str, url: str | None = None) -> Space:
        kept = PlaceCache(self._path / machine, self.bucket)
        place = bucket_place(self.store(url), f"s3://{self.bucket}/a/prefix", kept, sleep=self.sleep)
        return Space.open(place, kept, DID)

    def get(self, room: str, name: str) -> bytes:
        return bytes(obstore.get(self.store(), f"{room}/{name}").bytes())

    def damage(self, room: str, name: str, content: bytes) -> None:
        obstore.put(self.store(), f"{room}/{name}", content)
