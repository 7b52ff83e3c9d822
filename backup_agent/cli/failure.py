"""From whatever goes wrong to one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Any

from backup_agent.cli.output import FAILED, USAGE, WHOLE, print_error, print_json

INTERRUPTED = 130


def run_app(app: Any, arguments: list[str]) -> int:
    """Run the command that `arguments` name; the exit code for the process.

    With --json an error is a JSON document on standard output too. What is none of our errors
    is a defect of ours, and keeps its traceback.
    """
    wants_json = "--json" in arguments
    try:
        result = app(arguments, standalone_mode=False)
        return result if isinstance(result, int) else WHOLE
    except KeyboardInterrupt:
        print_error("interrupted; what was proved is kept, and the next run goes on from there")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WHOLE
    except Exception as error:
        if (usage := _usage_message(error)) is not None:
            return _fail(USAGE, usage, error, wants_json)
        if _is_ours(error):
            return _fail(FAILED, str(error), error, wants_json)
        raise


def _fail(code: int, sentence: str, error: Exception, wants_json: bool) -> int:
    print_error(sentence)
    if wants_json:
        print_json({"error": {"type": type(error).__name__, "message": sentence}})
    return code


def _usage_message(error: Exception) -> str | None:
    """What a wrong command line should say, if `error` is one of the parser's."""
    format_message = getattr(error, "format_message", None)
    if format_message is None or getattr(error, "exit_code", None) is None:
        return None
    context = getattr(error, "ctx", None)
    hint = f" (see `{context.command_path} --help`)" if context is not None else ""
    return str(format_message()).rstrip() + hint


def _is_ours(error: Exception) -> bool:
    """Whether `error` is one that our packages raise on purpose, for people to read."""
    from backup_agent.errors import AgentError
    from pail import PailError
    from space import SpaceError

    return isinstance(error, AgentError | PailError | SpaceError)
