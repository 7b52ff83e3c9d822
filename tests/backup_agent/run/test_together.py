"""Several runs at once in one space, and machines that share a space through a folder that is synced."""

import asyncio
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backup_agent.demo.k256 import K256Key
from backup_agent.run import Outcome, blobs
from tests.backup_agent.made_identity import make_identity
from tests.backup_agent.run.desk import Desk, desk
from tests.faulty_host import FaultyHost, run_faulty_host
from tests.forged import repository

OTHER = K256Key(bytes(31) + b"\7")
"""The key of `made_identity`."""


async def at_once(*desks: Desk) -> list[Outcome]:
    return list(await asyncio.gather(*(each.run() for each in desks)))


def become_another_account(host: FaultyHost) -> None:
    made = make_identity("other.test", host.url)
    recording = replace(host.demo.recording, did=made.did, plc_log=made.log, blobs={})
    head = repository({"a.b.c/1": {"n": 1}}, OTHER, did=made.did, rev=recording.first.rev)
    host.demo.recording, host.demo.head, host.demo.plc_log = recording, head, made.log


@pytest.mark.parametrize(
    "names", [("laptop", "phone"), ("laptop", "laptop")], ids=["two agents", "one agent"]
)
def test_runs_at_once_are_all_recorded(
    host: FaultyHost, tmp_path: Path, names: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "FLUSH_BYTES", 1)
    with desk(host, tmp_path, names[0]) as one, desk(host, tmp_path, names[1]) as other:
        outcomes = asyncio.run(at_once(one, other))
        assert all(outcome.recorded and outcome.whole for outcome in outcomes)
        assert {entry.cid for entry in one.entries()} == {outcome.snapshot.cid for outcome in outcomes}
        assert one.entries() == other.entries()
        assert one.all_whole()
        assert other.all_whole()


def test_runs_at_once_of_two_accounts_are_both_recorded(host: FaultyHost, tmp_path: Path) -> None:
    with run_faulty_host() as second, desk(host, tmp_path) as one, desk(second, tmp_path) as other:
        become_another_account(second)
        outcomes = asyncio.run(at_once(one, other))
        assert [outcome.whole for outcome in outcomes] == [True, True]
        assert [len(one.entries()), len(other.entries())] == [1, 1]
        assert one.all_whole()
        assert other.all_whole()


def test_checks_and_repairs_meanwhile_do_no_harm(host: FaultyHost, tmp_path: Path) -> None:
    async def disturb(with_: Desk, work: "asyncio.Task[Outcome]") -> int:
        looks = 0
        while not work.done():
            assert with_.space.repair().whole
            assert with_.all_whole()
            looks += 1
            await asyncio.sleep(0)
        return looks

    async def both(one: Desk, other: Desk) -> int:
        work = asyncio.create_task(one.run())
        looks = await disturb(other, work)
        assert (await work).whole
        return looks

    with desk(host, tmp_path) as one, desk(host, tmp_path) as other:
        assert asyncio.run(both(one, other)) > 3
        assert other.all_whole()


class Sync:
    """A sync client, as bad as they come: any file at any time, cut short while new, copies of conflicts."""

    def __init__(self, folders: list[Path], seed: int) -> None:
        self._folders = folders
        self.chance = random.Random(seed)

    def copy_some(self) -> None:
        source, target = self.chance.sample(self._folders, 2)
        files = [path for path in source.rglob("*") if path.is_file() and not path.name.startswith("~")]
        for path in self.chance.sample(files, len(files) // 2):
            self._copy(path, target / path.relative_to(source))

    def _copy(self, path: Path, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists() and self.chance.random() < 0.3:
            to.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        elif to.exists() and to.read_bytes() != path.read_bytes() and self.chance.random() < 0.5:
            shutil.copy(path, to.with_name(f"{to.stem} (conflict){to.suffix}"))
        elif self._is_newer(path, to):
            shutil.copy(path, to)

    def _is_newer(self, path: Path, to: Path) -> bool:
        return not to.exists() or path.stat().st_size > to.stat().st_size or path.suffix == ".head"

    def finish(self) -> None:
        """Everybody has the whole of every file, of heads the one of the machine that wrote it."""
        for source in self._folders:
            for target in self._folders:
                for path in source.rglob("*"):
                    to = target / path.relative_to(source)
                    if path.is_file() and not (path.suffix == ".head" and to.exists()):
                        to.parent.mkdir(parents=True, exist_ok=True)
                        if not to.exists() or path.stat().st_size > to.stat().st_size:
                            shutil.copy(path, to)


@pytest.mark.parametrize("seed", range(5))
def test_machines_that_sync_in_any_order_converge_to_the_union(
    host: FaultyHost, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "FLUSH_BYTES", 1 << 20)
    homes = [tmp_path / "a", tmp_path / "b"]
    for home in homes:
        home.mkdir()
    sync = Sync([home / "space" for home in homes], seed)
    recorded: set[str] = set()
    with desk(host, homes[0], "laptop") as laptop, desk(host, homes[1], "phone") as phone:
        phone.now_ms += 500
        for number in range(8):
            if number == 4:
                host.demo.publish_next_post()
            # The last runs are one of each machine: the sync may have put an older head over its own.
            machine = sync.chance.choice([laptop, phone]) if number < 6 else [laptop, phone][number - 6]
            outcome = machine.back_up()
            assert outcome.whole
            recorded.add(str(outcome.snapshot.cid))
            if number < 6:
                sync.copy_some()
        for machine, target in ((laptop, homes[1]), (phone, homes[0])):
            shutil.copy(machine.home.parent / "space/heads" / head_name(machine), target / "space/heads")
        sync.finish()
        for machine in (laptop, phone):
            assert {str(entry.cid) for entry in machine.entries()} == recorded
            assert machine.all_whole()
        assert laptop.clock.head() == phone.clock.head()


def head_name(machine: Desk) -> str:
    return machine.signer.did.removeprefix("did:key:") + ".head"
