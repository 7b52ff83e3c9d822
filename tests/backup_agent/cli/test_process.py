"""`skypail` as a process: pipes, signals, encodings, and how soon it answers."""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.backup_agent.cli.shell import COMMAND, Shell
from tests.faults import slow
from tests.faulty_host import GET_REPO, FaultyHost


def test_the_command_is_installed(shell: Shell) -> None:
    said = shell.process("--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Usage: skypail ")


def test_exit_codes_reach_the_caller(shell: Shell) -> None:
    assert [shell.process(*each).code for each in (["key"], ["snapshots"], ["nonsense"])] == [0, 1, 2]


def test_a_reader_that_leaves_changes_nothing(kept: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for command, code in (
        (["snapshots"], 0),
        (["snapshots", "--json"], 0),
        (["show", "nothing", "--json"], 1),
    ):
        done = subprocess.run(
            [COMMAND, *command],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=dict(os.environ) | dict(kept.environment),
            text=True,
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr
    os.close(writing)


def heed_interrupts() -> None:
    """A test run in the background ignores Ctrl-C, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_backup_says_so_and_records_nothing(online: Shell, host: FaultyHost) -> None:
    host.fault(GET_REPO, slow(1000, 0.05))
    environment = dict(os.environ) | dict(online.environment)
    command = [COMMAND, "backup", host.demo.recording.did, "--json"]
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as process:
        while not host.requests[GET_REPO]:
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "skypail: interrupted; the next run goes on from here\n"
    assert '"type": "Interrupted"' in out
    host.heal()
    assert online("backup", host.demo.recording.did).code == 0


BACKGROUND = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
"""What a shell does with a job that it starts in the background: it ignores SIGINT."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("around", [[], BACKGROUND])
def test_a_signal_ends_it_as_ctrl_c_does(
    online: Shell, host: FaultyHost, number: int, around: list[str]
) -> None:
    host.fault(GET_REPO, slow(1000, 0.05))
    environment = dict(os.environ) | dict(online.environment)
    command = [*around, COMMAND, "backup", host.demo.recording.did]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while not host.requests[GET_REPO]:
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.count(b"\n")) == (128 + number, 1)
    assert err.startswith(b"skypail: interrupted")


def test_an_interrupted_restore_leaves_nothing_and_promises_nothing(
    kept: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backup_agent.restore.leaves", interrupt)
    said = kept("restore", "latest", "--to", tmp_path / "out")
    assert (said.code, said.out, said.err) == (130, "", "skypail: interrupted\n")
    assert list(tmp_path.iterdir()) == [kept.home]


def test_the_version(shell: Shell) -> None:
    assert shell("--version") == (0, f"skypail {version('skypail')}\n", "")


def test_the_password_is_asked_for_without_echo_and_ctrl_c_ends_it(online: Shell, host: FaultyHost) -> None:
    recording = host.demo.recording
    code, shown = at_terminal(online, ["login", recording.did], recording.password)
    assert code == 0
    assert "App password of " in shown
    assert recording.password not in shown
    code, shown = at_terminal(online, ["login", recording.did], None)
    assert code == 130
    assert "interrupted" in shown


REACTION_S = 0.3
"""Nobody is quicker. A signal that comes just as a process begins to read, Python notices after that."""


def at_terminal(shell: Shell, command: list[str], answer: str | None) -> tuple[int, str]:
    """Exit code and output of a process on a terminal; its question gets `answer`, or Ctrl-C for None."""
    here, there = os.openpty()
    environment = dict(os.environ) | dict(shell.environment)
    with os.fdopen(here, "r+b", buffering=0) as terminal, os.fdopen(there) as its:
        process = subprocess.Popen(
            [COMMAND, *command],
            env=environment,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
        shown = b""
        while not shown.endswith(b": "):
            shown += terminal.read(1)
        if answer is None:
            time.sleep(REACTION_S)
            process.send_signal(signal.SIGINT)
        else:
            terminal.write(answer.encode() + b"\n")
        code = process.wait(30)
        return code, (shown + terminal.read(1 << 16)).decode()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding(kept: Shell, encoding: str) -> None:
    kept.environ["PYTHONIOENCODING"] = encoding
    said = kept.process("get", "latest", "app.bsky.actor.profile/self", "--json")
    assert (said.code, said.err) == (0, "")
    record = kept("get", "latest", "app.bsky.actor.profile/self", "--json").document
    assert said.document == record


def test_help_loads_next_to_nothing() -> None:
    """What takes long to import is imported by the commands that need it."""
    code = "import sys, backup_agent.cli.app; print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    heavy = ["asyncio", "httpx", "cryptography", "pyrage", "sqlite3", "starlette", "cbrrr", "dns"]
    said = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
