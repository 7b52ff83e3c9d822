"""From whatever goes wrong to one sentence and an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

from backup_agent.cli.output import FAILED, USAGE, print_error, print_json

INTERRUPTED = 130
"""Exit code after Ctrl-C; after another signal it is 128 and its number."""


def catch_signals() -> list[int]:
    """Let SIGTERM and SIGHUP end the process as Ctrl-C does, cleaning up; the list is of those that came.

    What is ignored, as under nohup, stays ignored. Where that is SIGINT, as in a shell's background
    job, asyncio watches for none, and the others end the process all the same.
    """
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        came.append(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # which asyncio knows how to end by

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    return came


def run_app(app: Any, arguments: list[str], *, stopped_by: Sequence[int] = ()) -> int:
    """Run the command that `arguments` name; the exit code for the process.

    With --json an error is a JSON document on standard output too. What is none of our errors
    is a defect of ours, and keeps its traceback.
    stopped_by: of `catch_signals`.
    """
    wants_json = "--json" in arguments
    try:
        result = app(arguments or ["--help"], standalone_mode=False)
    except Exception as error:
        if (usage := _usage_message(error)) is not None:
            return _fail(USAGE, usage, type(error).__name__, wants_json)
        if (sentence := _sentence(error)) is not None:
            return _fail(FAILED, sentence, type(error).__name__, wants_json)
        raise
    if result == INTERRUPTED:  # what the parser makes of a KeyboardInterrupt
        code = 128 + stopped_by[0] if stopped_by else INTERRUPTED
        goes_on = "; the next run goes on from here" if arguments[:1] == ["backup"] else ""
        return _fail(code, f"interrupted{goes_on}", "Interrupted", wants_json)
    return result if arguments else USAGE  # who asks for nothing learns what there is


def _fail(code: int, sentence: str, kind: str, wants_json: bool) -> int:
    print_error(sentence)
    if wants_json:
        print_json({"error": {"type": kind, "message": sentence}})
    return code


def _usage_message(error: Exception) -> str | None:
    """What a wrong command line should say, if `error` is one of the parser's."""
    format_message = getattr(error, "format_message", None)
    if format_message is None or getattr(error, "exit_code", None) is None:
        return None
    context = getattr(error, "ctx", None)
    command = "skypail" if context is None else context.command_path
    return f"{str(format_message()).strip().rstrip('.')} (see `{command} --help`)"


def _sentence(error: Exception) -> str | None:
    """What to tell people of `error`, if it is ours or the operating system's."""
    from backup_agent.atproto.errors import AtprotoError
    from backup_agent.errors import AgentError
    from pail import MissingBlock, PailError
    from space import CorruptBlock, SpaceError
    from ucan import UcanError

    if (known := _clock_sentence(error)) is not None:
        return known
    if isinstance(error, MissingBlock | CorruptBlock):
        return f"{error}; `skypail check` tells more, and the next `skypail backup` fetches it again"
    if isinstance(error, AgentError | AtprotoError | PailError | SpaceError | UcanError):
        return str(error)
    if isinstance(error, OSError):
        return f"the operating system refused: {error}"
    return None


def _clock_sentence(error: Exception) -> str | None:
    """Looked at only where clock services are in play: else they are not even loaded."""
    loaded = sys.modules.get("clock_service.errors")
    return str(error) if loaded is not None and isinstance(error, loaded.ClockServiceError) else None
