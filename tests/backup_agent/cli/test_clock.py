"""`skypail clock` against services in processes of their own: use, record, head, log, sync, fork."""

import pytest

from tests.backup_agent.cli.clock_heads import heads
from tests.backup_agent.cli.clock_process import ClockProcess
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost


def test_a_backup_is_recorded_at_the_clock_in_use(
    online: Shell, host: FaultyHost, service: ClockProcess
) -> None:
    used = online("clock", "use", service.url, "--json")
    assert (used.code, used.document["did"]) == (0, service.did)
    said = online("backup", host.demo.recording.did, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.document["clocks"] == [{"url": service.url, "did": service.did, "ok": True, "problem": None}]
    own, (remote,) = heads(online)
    assert own == remote
    assert len(own) == 1


def test_a_clock_may_be_named_for_one_backup(online: Shell, host: FaultyHost, service: ClockProcess) -> None:
    said = online("backup", host.demo.recording.did, "--clock", service.url, "--json")
    assert (said.code, said.document["clocks"][0]["ok"]) == (0, True)
    assert heads(online)[1] == []
    online("clock", "use", service.url)
    own, (remote,) = heads(online)
    assert own == remote


def test_a_clock_that_is_named_and_out_of_reach_is_exit_code_3(
    online: Shell, host: FaultyHost, nowhere: str
) -> None:
    said = online("backup", host.demo.recording.did, "--clock", nowhere, "--json")
    assert (said.code, said.document["recorded"], said.document["clocks"][0]["ok"]) == (3, True, False)
    assert f"the clock at {nowhere} cannot be asked" in said.err


def test_a_clock_in_use_that_is_down_is_a_warning_and_sync_catches_up(
    online: Shell, host: FaultyHost, mortal: ClockProcess
) -> None:
    online("clock", "use", mortal.url)
    mortal.kill()
    said = online("backup", host.demo.recording.did)
    assert said.code == 0
    assert "`skypail clock sync` catches up" in said.err
    assert online("clock", "sync").code == 3
    mortal.start()
    assert online("clock", "sync", "--json").document["clocks"][0]["ok"]
    own, (remote,) = heads(online)
    assert own == remote != []


def test_sync_after_a_partition(
    online: Shell, host: FaultyHost, service: ClockProcess, mortal: ClockProcess
) -> None:
    for url in (service.url, mortal.url):
        online("clock", "use", url)
    online("backup", host.demo.recording.did)
    mortal.kill()
    host.demo.publish_next_post()
    assert online("backup", host.demo.recording.did).code == 0
    mortal.start()
    own, (ahead, behind) = heads(online)
    assert own == ahead != behind
    assert online("clock", "sync").code == 0
    assert heads(online)[1] == [own, own]


def test_a_fork_with_the_old_service_dead(user: Shell, service: ClockProcess, mortal: ClockProcess) -> None:
    user("clock", "use", mortal.url)
    assert user("clock", "sync").code == 0
    before = heads(user)
    mortal.kill()
    said = user("clock", "fork", service.url)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{service.url} has the whole clock\n"
    own, (remote,) = heads(user)
    assert (own, [remote]) == before
    assert own == remote != []
    assert [clock["url"] for clock in user("clock", "head", "--json").document["clocks"]] == [service.url]
    assert user("clock", "sync", "--json").document["clocks"][0]["ok"]


def test_a_fork_that_fails_changes_nothing(user: Shell, service: ClockProcess, nowhere: str) -> None:
    user("clock", "use", service.url)
    said = user("clock", "fork", nowhere, "--did", service.did)
    assert said.code == 1
    assert "the clocks in use are as before" in said.err
    assert [clock["url"] for clock in user("clock", "head", "--json").document["clocks"]] == [service.url]


def test_the_log_is_newest_first(user: Shell) -> None:
    document = user("clock", "log", "--json").document
    newest, oldest = document["events"]
    assert [newest["event"]] == document["head"]
    assert (newest["parents"], oldest["parents"]) == ([oldest["event"]], [])
    assert newest["writes"][0]["key"] > oldest["writes"][0]["key"]
    words = user("clock", "log", "-n", "1").out
    assert words.startswith(f"event {newest['event']}\n")
    assert f"put {newest['writes'][0]['key']}" in words
    assert words.count("event ") == 1


def test_a_clock_is_not_used_any_more(user: Shell, service: ClockProcess) -> None:
    user("clock", "use", service.url)
    assert user("clock", "forget", service.url).code == 0
    assert user("clock", "head", "--json").document["clocks"] == []
    assert "No clock service is in use" in user("clock", "sync").out


def test_a_service_that_goes_by_another_did_is_not_believed(user: Shell, service: ClockProcess) -> None:
    stranger = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"
    said = user("clock", "use", service.url, "--did", stranger)
    assert said.code == 1
    assert f"the receipt is by {service.did}, not {stranger}" in said.err
    assert user("clock", "head", "--json").document["clocks"] == []


def test_as_many_as_the_user_wants_must_take_a_backup(
    online: Shell, host: FaultyHost, service: ClockProcess, mortal: ClockProcess
) -> None:
    online("clock", "use", service.url)
    assert online("clock", "use", mortal.url, "--at-least", "2", "--json").document["atLeast"] == 2
    assert online("backup", host.demo.recording.did).code == 0
    mortal.kill()
    host.demo.publish_next_post()
    said = online("backup", host.demo.recording.did, "--json")
    assert (said.code, said.document["recorded"]) == (3, True)
    assert "1 of the clock services in use took it, and 2 are wanted" in said.err
    online("clock", "forget", mortal.url)
    assert online("backup", host.demo.recording.did).code == 0


def test_a_url_that_is_no_clock(user: Shell, nowhere: str) -> None:
    said = user("clock", "use", nowhere)
    assert said.code == 1
    assert "cannot be asked" in said.err


@pytest.mark.parametrize("url", ["http://example.com", "clock", "https://me:secret@clock.example"])
def test_a_url_that_is_refused_is_not_kept(user: Shell, url: str) -> None:
    said = user("clock", "use", url, "--did", "did:web:clock.example")
    assert said.code == 1
    assert "secret" not in said.err
    assert user("clock", "head", "--json").document["clocks"] == []


def test_a_slash_at_the_end_makes_no_other_clock(user: Shell, service: ClockProcess) -> None:
    user("clock", "use", service.url)
    user("clock", "use", service.url + "/")
    assert [clock["url"] for clock in user("clock", "head", "--json").document["clocks"]] == [service.url]
    assert user("clock", "forget", service.url + "/", "--json").document["forgotten"]
