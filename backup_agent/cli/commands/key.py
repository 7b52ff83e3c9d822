"""`skypail key`."""

from __future__ import annotations

import os
from pathlib import Path

from backup_agent.cli.output import WHOLE, print_json, print_text
from backup_agent.cli.workbench import settings
from backup_agent.errors import KeyNotWritten
from backup_agent.home import Home
from backup_agent.sealing import agent_identity, agent_recipient


def key(out: Path | None, as_json: bool) -> int:
    """Say who this machine's agent is; with `out`, write its private key as `age -i` and ssh read it."""
    signer = Home.open(settings().home).agent()
    recipient = agent_recipient(signer.seed)
    if out is not None:
        _write_new(out, agent_identity(signer.seed))
    if as_json:
        print_json({"agent": signer.did, "recipient": recipient, "file": None if out is None else str(out)})
        return WHOLE
    print_text(f"Agent      {signer.did}", f"Recipient  {recipient}")
    if out is not None:
        print_text(
            f"Wrote its private key to {out}: whoever has that file opens what was sealed to the agent"
        )
    return WHOLE


def _write_new(path: Path, secret: bytes) -> None:
    """0600 from its first moment, and never over another file. Raises KeyNotWritten."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyNotWritten(path, error) from error
