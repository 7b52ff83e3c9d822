"""What `skypail clock head` says."""

from pathlib import Path

from tests.backup_agent.cli.shell import Shell


def heads(shell: Shell) -> tuple[list[str], list[list[str]]]:
    """As the default folder has it, and as every clock service in use does."""
    document = shell("clock", "head", "--json").document
    return document["head"], [clock["head"] for clock in document["clocks"]]


def service_head(shell: Shell, folder: Path) -> list[str]:
    """As the first service has it."""
    return shell("clock", "head", "--space", folder, "--json").document["clocks"][0]["head"]
