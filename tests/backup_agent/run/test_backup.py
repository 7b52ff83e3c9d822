"""The run when all goes well: what is recorded, and what is not fetched or written again."""

from pathlib import Path

from pail import parse_cid
from tests.backup_agent.run.desk import Desk, desk, files_of
from tests.faulty_host import GET_BLOB, GET_LATEST_COMMIT, GET_REPO, LIST_BLOBS, FaultyHost


def test_the_first_run_records_everything(laptop: Desk) -> None:
    outcome = laptop.back_up()
    recording = laptop.host.demo.recording
    assert outcome.recorded
    assert outcome.whole
    assert str(outcome.snapshot.backup.repo) == recording.first.cid
    assert outcome.snapshot.certificate.blobs == len(recording.blobs)
    assert laptop.snapshots() == [outcome.snapshot]
    assert laptop.all_whole()


def test_the_certificate_counts_what_is_there(laptop: Desk) -> None:
    certificate = laptop.back_up().snapshot.certificate
    result = laptop.verify()[0]
    assert (certificate.records, certificate.blobs, certificate.blob_bytes) == (
        result.records,
        result.blobs,
        result.blob_bytes,
    )
    assert certificate.records > 200


def test_an_unchanged_account_costs_one_request_and_no_snapshot(laptop: Desk) -> None:
    laptop.back_up()
    before = files_of(laptop.home.parent / "space")
    laptop.host.requests.clear()
    outcome = laptop.back_up()
    assert not outcome.recorded
    xrpc = {method: count for method, count in laptop.host.requests.items() if method.startswith("com.")}
    assert xrpc == {GET_LATEST_COMMIT: 1}
    assert files_of(laptop.home.parent / "space") == before


def test_a_new_post_costs_what_it_changes(laptop: Desk) -> None:
    laptop.back_up()
    laptop.host.requests.clear()
    laptop.host.demo.publish_next_post()
    before = sum(map(len, files_of(laptop.home.parent / "space").values()))
    outcome = laptop.back_up()
    added = sum(map(len, files_of(laptop.home.parent / "space").values())) - before
    assert outcome.recorded
    assert 0 < added < 32_000
    assert laptop.host.requests[GET_BLOB] == 0
    assert ("com.atproto.sync.getRepo", laptop.host.demo.recording.first.rev) in [
        (method, query.get("since")) for method, query in laptop.host.queries
    ]
    assert laptop.all_whole()


def test_the_second_snapshot_counts_one_record_more(laptop: Desk) -> None:
    first = laptop.back_up().snapshot
    laptop.host.demo.publish_next_post()
    second = laptop.back_up().snapshot
    assert second.certificate.records == first.certificate.records + 1
    assert second.certificate.previous == first.cid
    assert second.certificate.blobs == first.certificate.blobs


def test_another_agent_believes_no_certificate_but_fetches_nothing_it_has(
    host: FaultyHost, tmp_path: Path
) -> None:
    with desk(host, tmp_path) as laptop:
        laptop.back_up()
    host.demo.publish_next_post()
    host.requests.clear()
    with desk(host, tmp_path, "phone") as phone:
        phone.now_ms += 60_000
        outcome = phone.back_up()
        assert outcome.snapshot.certificate.agent == phone.signer.did
        assert (host.requests[GET_REPO], host.requests[GET_BLOB], host.requests[LIST_BLOBS] > 0) == (
            1,
            0,
            True,
        )
        assert len(phone.snapshots()) == 2
        assert phone.all_whole()


def test_a_moved_account_is_a_new_snapshot_though_no_record_changed(laptop: Desk) -> None:
    first = laptop.back_up().snapshot
    laptop.host.move_account(laptop.host.url + "/")
    outcome = laptop.back_up()
    assert outcome.recorded
    assert outcome.snapshot.backup.repo == first.backup.repo
    assert outcome.snapshot.backup.identity != first.backup.identity


def test_a_machine_whose_clock_went_back_does_not_hide_its_snapshot(laptop: Desk) -> None:
    laptop.back_up()
    laptop.now_ms -= 10_000_000_000
    laptop.host.demo.publish_next_post()
    second = laptop.back_up().snapshot
    assert laptop.snapshots()[-1] == second


def test_every_blob_is_under_the_name_that_records_link(laptop: Desk) -> None:
    from pail import run
    from pail.map import entries
    from pail.unixfs import read

    blobs = run(entries(laptop.back_up().snapshot.backup.blobs), laptop.space.get)
    recording = laptop.host.demo.recording
    assert {name: run(read(root), laptop.space.get) for name, root in blobs} == {
        name: recording.blob(name) for name in recording.blobs
    }
    assert any(parse_cid(name) != root for name, root in blobs), "one blob has several chunks"
