"""What the machine of the fixture `kept` has: two snapshots of the recorded account."""

from typing import Any

from backup_agent.demo.recording import load_recording
from tests.backup_agent.cli.shell import Shell

RECORDING = load_recording()
DID = RECORDING.did
PROFILE = "app.bsky.actor.profile/self"


def rows(shell: Shell) -> list[dict[str, Any]]:
    return shell("snapshots", "--json").document["snapshots"]
