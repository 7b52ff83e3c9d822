"""The test bed as a process: a PLC directory and two reference PDSes, on loopback."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from tests.peers.npm import node_of

STOP_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class PdsBed:
    """Base URLs of the running servers, without a trailing slash."""

    plc: str
    a: str
    b: str
    ctl: str
    pds: str
    """The version of the reference PDS."""


@contextmanager
def run_bed(project: Path, *options: str) -> Generator[PdsBed]:
    """The bed that `testbed.mjs` of `project` (from `npm_project`) starts; `options` go to it.

    It stops at the end of the block, and when this process dies. Raises RuntimeError if it does not start.
    """
    command = [node_of(project), str(project / "testbed.mjs"), "--until-eof", *options]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout
        try:
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                raise RuntimeError(f"the test bed did not start: {errors.read().decode()[-4000:]}")
            said = json.loads(line)
            yield PdsBed(**{field.name: said[field.name] for field in fields(PdsBed)})
        finally:
            process.terminate()
            _wait(process)


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
