"""A provider in a process of its own: `python -m tests.provider.child KEY DATABASE STORE [DID]`."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from clock_service.answering import print_started
from clock_service.policy import Policy, Provision
from provider.serve import Options, serve

ROOT = Path(__file__).parents[2]


class Running(NamedTuple):
    """process: with its pid. url: without a slash at the end."""

    process: "subprocess.Popen[str]"
    url: str
    did: str


@contextmanager
def running(
    folder: Path,
    *,
    database: str | None = None,
    store: str | None = None,
    did: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Generator[Running]:
    """An open provider that confirms everybody, with all it keeps in `folder` unless said otherwise."""
    command = [
        sys.executable,
        "-m",
        "tests.provider.child",
        str(folder / "key"),
        database or f"sqlite:///{folder}/provider.db",
        store or str(folder / "store"),
        *([did] if did else []),
    ]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()[-2000:]
            started = json.loads(line)
            yield Running(process, started["url"], started["did"])
        finally:
            process.kill()


if __name__ == "__main__":
    key, database, blobs, *did = sys.argv[1:]
    options = Options(
        Path(key),
        database,
        blobs,
        did=did[0] if did else None,
        policy=Policy(Provision.OPEN),
        auto_confirm=True,
        allow_private=True,
    )
    serve(options, print_started)
