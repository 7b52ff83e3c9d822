"""Groups of commands, each loaded when one of its commands is called.

`--help` names them all; to parse what they take would cost it as much as everything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

SECTIONS = {
    "agent": ("backup_agent.cli.agent_app", "Let other agents add to a space; take that back."),
    "clock": ("backup_agent.cli.clock_app", "Keep the head of a space at clock services too, and serve one."),
    "provider": ("backup_agent.cli.provider_app", "Host spaces and their clocks, for whoever you let."),
    "schedule": (
        "backup_agent.cli.schedule_app",
        "Have a server do the backups: `schedule ACCOUNT --server URL`.",
    ),
    "serve": ("backup_agent.cli.serve_app", "Run a server that backs accounts up on schedule."),
    "space": ("backup_agent.cli.space_app", "Make spaces, keep their keys, look at them."),
}
"""The module whose `app` has the commands, and its help."""


class Sections(TyperGroup):
    """The commands given, and SECTIONS."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, line) in SECTIONS.items():
            self.commands[name] = TyperGroup(name=name, help=line, commands={})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in SECTIONS:
            self.commands[args[0]] = load_section(args[0])
        return super().resolve_command(ctx, args)


def load_section(name: str) -> TyperGroup:
    """The section with its commands."""
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.add_typer(import_module(SECTIONS[name][0]).app, name=name)
    group = get_group(holder).commands[name]
    assert isinstance(group, TyperGroup)
    return group
