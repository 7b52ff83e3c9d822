"""Where a server goes to open a space: to checked addresses, and into the space that it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from backup_agent.errors import HostRefused
from backup_agent.server import places
from backup_agent.server.deadline import Deadline
from backup_agent.server.errors import WrongPlace
from backup_agent.server.hosted_place import Held, provider_place
from backup_agent.server.permit import Permit
from backup_agent.server.places import Places
from backup_agent.server.schedule import PlaceOf
from space import open_folder
from tests.backup_agent.server.desk import BUCKET, OWNER, SERVER, STRANGER, sealed

ENDPOINT = "https://s3.example.com"
PERMIT = Permit(cast(Any, None), cast(Any, None), "", [], 1 << 20)
MAY = Held(SERVER, OWNER.did, [])


class Opened(Exception):
    """What the client library was told."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> PlaceOf:
    """One whose client library only says by which proxy it would go."""

    def open_store(*_: object, proxy: str | None, **__: object) -> None:
        raise Opened(proxy)

    monkeypatch.setattr("space.bucket.store.open_store", open_store)
    return PlaceOf(BUCKET, sealed(AWS_ENDPOINT_URL_S3=ENDPOINT))


def at(folder: Path) -> Places:
    return Places(folder, (folder,), SERVER.seed, endpoints=("example.com",))


def resolve_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    async def lookup(_: str) -> Sequence[str]:
        return [address]

    monkeypatch.setattr(places, "system_lookup", lookup)


def test_a_bucket_inside_is_refused_in_words(
    bucket: PlaceOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "10.0.0.1")
    with pytest.raises(HostRefused, match="not public"):
        at(tmp_path).open(bucket, MAY, PERMIT)


def test_the_client_library_of_a_bucket_is_led_through_the_tunnel(
    bucket: PlaceOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "1.1.1.1")
    with pytest.raises(Opened, match=r"^http://skypail:\S+@127\.0\.0\.1:"):
        at(tmp_path).open(bucket, MAY, PERMIT)


def test_a_folder_that_holds_another_space_is_not_written_to(tmp_path: Path) -> None:
    open_folder(tmp_path / "space", cache=tmp_path / "cache", did=STRANGER.did).close()
    with pytest.raises(WrongPlace, match="holds the space"):
        at(tmp_path).open(PlaceOf((tmp_path / "space").as_uri()), MAY, PERMIT)


def test_a_provider_is_asked_for_no_other_space(tmp_path: Path) -> None:
    place = PlaceOf(f"https://provider.example/{STRANGER.did}", provider=SERVER.did)
    with pytest.raises(WrongPlace, match="does not name the space"):
        provider_place(place, MAY, Deadline(), cache=tmp_path, allow_private=False)
