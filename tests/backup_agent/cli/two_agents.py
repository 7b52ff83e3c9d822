"""What an owner and a second agent, who have one folder and one clock service, do."""

from pathlib import Path

from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost

NARROW = ("--can", "clock/advance", "--can", "clock/head", "--ops", "put")


def hand_over(owner: Shell, second: Shell, file: Path, *options: str) -> str:
    """Delegate from one to the other by a file; the delegation's CID."""
    to = second("agent", "id").out.strip()
    made = owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file, *options, "--json")
    assert second("agent", "add", file, "--json").document["cid"] == made.document["cid"]
    return made.document["cid"]


def next_backup(second: Shell, host: FaultyHost, folder: Path) -> tuple[int, dict[str, object], str]:
    host.demo.publish_next_post()
    said = second("backup", host.demo.recording.did, "--space", folder, "--json")
    return said.code, said.document["clocks"][0], said.err
