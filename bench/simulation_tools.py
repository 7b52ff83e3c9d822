"""What keeps the days of a simulated account: skypail, and what others would keep them with.

Each tool keeps one day after another in a folder of its own. The others are given what somebody
without skypail would have: the account exported, `repo.car` and `blobs/`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

from bench.simulation import Day
from bench.simulation_host import SimulatedHost

ZSTD_LEVEL = 19
BORG_8K = ["--chunker-params", "buzhash,10,16,13,4095"]
"""Chunks of 8 KiB in the mean, where borg's own are of 2 MiB."""


@dataclass(slots=True)
class Tool:
    """A tool, and what each day cost it.

    keep: keeps the day of that number. rest_bytes: the bytes at rest. with_blobs: whether the blobs
    are among them.
    """

    name: str
    keep: Callable[[int], object]
    rest_bytes: Callable[[], int]
    with_blobs: bool = True
    sizes: list[int] = field(default_factory=list[int])
    """Bytes at rest after each day, apart from those of blobs."""
    seconds: list[float] = field(default_factory=list[float])

    def measure(self, number: int, blob_bytes: int) -> None:
        """Keep a day. blob_bytes: those of all blobs so far."""
        start = time.perf_counter()
        self.keep(number)
        self.seconds.append(time.perf_counter() - start)
        self.sizes.append(self.rest_bytes() - (blob_bytes if self.with_blobs else 0))


@dataclass(slots=True)
class Skypail:
    """The command line, with a home of its own. place: what `--space` says. told: more of its environment."""

    name: str
    account: str
    host: SimulatedHost
    home: Path
    place: str
    told: Mapping[str, str] = field(default_factory=dict[str, str])
    timestamps: list[str] = field(default_factory=list[str])
    """Of the snapshot that each run recorded or found."""

    def keep(self, _number: int) -> None:
        """Back up through the ordinary command."""
        told = self._run("backup", self.account)
        self.timestamps.append(told["snapshot"]["timestamp"])

    def restore(self, timestamp: str, to: Path) -> None:
        self._run("restore", timestamp, "--to", str(to))

    def _run(self, *arguments: str) -> dict[str, Any]:
        told = {
            **self.told,
            "SKYPAIL_HOME": str(self.home),
            "SKYPAIL_PLC_URL": self.host.url,
            "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1",
        }
        command = [Path(sys.executable).with_name("skypail"), *arguments, "--space", self.place, "--json"]
        return json.loads(run(command, told))


def rivals(folder: Path, export: Path) -> list[Tool]:
    """Those that are installed; what is not is named."""
    made = [_restic(folder / "restic", export), _borg(folder / "borg", export, "2 MiB chunks", ())]
    made += [_borg(folder / "borg8", export, "8 KiB chunks", BORG_8K), _zstd_cars(folder / "cars", export)]
    return [tool for tool in made if tool is not None]


def _restic(rests: Path, export: Path) -> Tool | None:
    if not _installed("restic"):
        return None
    told = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": f"{rests}.cache", "RESTIC_REPOSITORY": str(rests)}
    run(["restic", "init", "--repository-version", "2"], told)
    command = ["restic", "backup", "--compression", "max", "."]
    return Tool(
        "restic, --compression max", lambda _: run(command, told, export), partial(folder_bytes, rests)
    )


def _borg(rests: Path, export: Path, name: str, options: Sequence[str]) -> Tool | None:
    if not _installed("borg"):
        return None
    told = {"BORG_BASE_DIR": f"{rests}.base", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
    run(["borg", "init", "--encryption", "none", rests], told)

    def keep(number: int) -> None:
        run(["borg", "create", "--compression", "zstd,19", *options, f"{rests}::{number}", "."], told, export)

    return Tool(f"borg, zstd,19, {name}", keep, partial(folder_bytes, rests))


def _zstd_cars(rests: Path, export: Path) -> Tool:
    rests.mkdir()

    def keep(number: int) -> None:
        (rests / f"{number}.car.zst").write_bytes(compress((export / "repo.car").read_bytes()))

    return Tool("one zstd CAR a day", keep, partial(folder_bytes, rests), with_blobs=False)


def write_export(day: Day, folder: Path) -> None:
    """Bring the exported account in `folder` up to `day`."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    (folder / "repo.car").write_bytes(day.car())
    wanted = {str(cid): content for cid, content in day.blobs.items()}
    held = {path.name for path in blobs.iterdir()}
    for name in held - wanted.keys():
        (blobs / name).unlink()
    for name in wanted.keys() - held:
        (blobs / name).write_bytes(wanted[name])


def compress(content: bytes) -> bytes:
    """`content` as one zstd frame."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(content)


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run(command: Sequence[str | Path], told: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """What the command prints; it ends the measurement if it fails. told: more of the environment."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | (told or {}), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def _installed(name: str) -> bool:
    if shutil.which(name):
        return True
    print(f"{name}: NOT MEASURED: it is not installed (Debian has it)")
    return False
