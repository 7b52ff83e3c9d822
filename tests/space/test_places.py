"""Every kind of place keeps the same contract, and so does a space over each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from space import LOCAL_FILES, Space, open_folder
from space.folder_place import FolderPlace
from space.place_cache import PlaceCache
from tests.space.blocks import DID
from tests.space.contract import SpaceContract
from tests.space.memory_place import MemoryPlace
from tests.space.place_contract import PlaceContract


class FolderGround:
    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self, machine: str) -> FolderPlace:
        lock = self._path / f"{machine}.lock"
        return FolderPlace(self._path / "folder", LOCAL_FILES, home=machine, lock=lock)

    def space(self, machine: str) -> Space:
        return open_folder(self._path / "folder", cache=self._path / machine, did=DID)

    def damage(self, room: str, name: str, content: bytes) -> None:
        (self._path / "folder" / room / name).write_bytes(content)


class MemoryGround:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = MemoryPlace()

    def place(self, machine: str) -> MemoryPlace:
        return MemoryPlace(self._place.rooms, versions=self._place.versions)

    def space(self, machine: str) -> Space:
        return Space.open(self.place(machine), PlaceCache(self._path / machine, "memory"), DID)

    def damage(self, room: str, name: str, content: bytes) -> None:
        self._place.store(room, name, content)


class TestFolder(PlaceContract):
    @pytest.fixture
    def ground(self, tmp_path: Path) -> FolderGround:
        return FolderGround(tmp_path)


class TestMemory(PlaceContract):
    @pytest.fixture
    def ground(self, tmp_path: Path) -> MemoryGround:
        return MemoryGround(tmp_path)


class TestSpaceInMemory(SpaceContract):
    @pytest.fixture
    def space(self, tmp_path: Path) -> Iterator[Space]:
        with MemoryGround(tmp_path).space("a") as space:
            yield space
