"""File systems that go wrong on purpose: they remember every step, fill up, or kill the process."""

import errno
import os
import shutil
import signal
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from space.files import LocalFiles


class Survives(Enum):
    """What a power cut leaves of what was not synced. Disks do each of these."""

    NOTHING = "names and bytes as last synced"
    NAMES = "every name, but bytes as last synced"
    HALF = "every name, and half of the bytes not synced"
    EVERYTHING = "every name and byte"


class RecordingFiles(LocalFiles):
    """Does as it is told and logs it, so that `replay` can tell what a disk would hold."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self._paths: dict[int, int] = {}  # descriptor -> number of the file
        self._count = 0

    def create(self, path: Path) -> int:
        file = super().create(path)
        self._count += 1
        self._paths[file] = self._count
        self.log.append(("create", path, self._count))
        return file

    def write(self, file: int, content: bytes | bytearray | memoryview) -> None:
        super().write(file, content)
        self.log.append(("write", self._paths[file], bytes(content)))

    def sync(self, file: int) -> None:
        self.log.append(("sync", self._paths[file]))

    def sync_folder(self, folder: Path) -> None:
        self.log.append(("sync_folder", folder))

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        self.log.append(("rename", old, new))

    def remove(self, path: Path) -> None:
        super().remove(path)
        self.log.append(("remove", path))


def replay(log: list[tuple[Any, ...]], survives: Survives) -> dict[Path, bytes]:
    """The files that a disk holds after these steps and then a power cut."""
    names: dict[Path, int] = {}
    synced_names: dict[Path, int] = {}
    content: dict[int, bytes] = {}
    synced: dict[int, bytes] = {}
    for step, *values in log:
        match step, values:
            case "create", [path, number]:
                names[path], content[number], synced[number] = number, b"", b""
            case "write", [number, data]:
                content[number] += data
            case "sync", [number]:
                synced[number] = content[number]
            case "rename", [old, new]:
                names[new] = names.pop(old)
            case "remove", [path]:
                names.pop(path, None)
            case "sync_folder", [folder]:
                synced_names = {p: n for p, n in synced_names.items() if p.parent != folder}
                synced_names |= {p: n for p, n in names.items() if p.parent == folder}
            case _:
                raise AssertionError(step)
    if survives is Survives.EVERYTHING:
        return {path: content[number] for path, number in names.items()}
    if survives is Survives.HALF:
        half = {
            n: synced[n] + c[len(synced[n]) :][: (len(c) - len(synced[n])) // 2] for n, c in content.items()
        }
        return {path: half[number] for path, number in names.items()}
    left = names if survives is Survives.NAMES else synced_names
    return {path: synced[number] for path, number in left.items()}


def lay_out(folder: Path, files: dict[Path, bytes]) -> None:
    """Make `folder` hold just these files."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class TrippingFiles(LocalFiles):
    """Calls `trip` instead of the step number `at`, counted from 0, of those that change anything."""

    def __init__(self, at: int, trip: Callable[[], None]) -> None:
        self.steps = 0
        self._at = at
        self._trip = trip

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._at:
            self._trip()

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, file: int, content: bytes | bytearray | memoryview) -> None:
        self._step()
        super().write(file, bytes(content)[: len(content) // 2])
        self._step()
        super().write(file, bytes(content)[len(content) // 2 :])

    def sync(self, file: int) -> None:
        self._step()

    def sync_folder(self, folder: Path) -> None:
        self._step()

    def rename(self, old: Path, new: Path) -> None:
        self._step()
        super().rename(old, new)


def disk_full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
