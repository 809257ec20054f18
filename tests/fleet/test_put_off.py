"""A commit passes what was put off only once that is written down."""

from blueprint.client_settings import Setting
from fleet.leases import Leases, Start
from fleet.ledger import Ledger, entry_of
from fleet.put_off import Journal
from fleet.record import Partition
from fleet.signals import Signal, SignalKind
from fleet.watermark import Mark, Range
from tests.fleet.mock_cluster import mock_brokers, read_everything

PLACE = Partition("t", 0)


def put_off() -> Leases:
    """Five records of which three are put off."""
    leases = Leases(keeps=True)
    (lease,) = leases.grant({PLACE: Start(0)}, 0.0)
    span = lease.watermark.deliver(range(5))
    for offset, mark in enumerate([Mark.DONE, Mark.DEFERRED, Mark.SKIPPED, Mark.DEFERRED]):
        span.marks[offset] = mark
    return leases


def test_it_is_written_before_the_commit_and_once() -> None:
    """And said, in sums."""
    leases, said = put_off(), list[Signal]()
    with mock_brokers() as servers:
        journal = Journal("g-deferred", {"bootstrap.servers": servers}, said.append)
        for _ in range(3):
            pairs = [(lease, c) for c in leases.commits() for lease in leases]
            assert journal.record(pairs) == [commit for _, commit in pairs]
            for _, commit in pairs:
                leases.confirmed(commit)
        journal.say()
        journal.say()
        written = read_everything(servers, "g-deferred")
    ledger = Ledger()
    for message in written:
        ledger.take(entry_of(message.value() or b""))
    owed = ledger.owed(PLACE, 4)
    assert list(owed.deferred) == [Range(1, 2), Range(3, 4)]
    assert list(owed.skipped) == [Range(2, 3)]
    assert len(written) == 2
    assert [signal.detail[:29] for signal in said] == ["2 records deferred, 1 skipped"]


def test_a_commit_waits_while_it_cannot_be_written() -> None:
    """It is said, and nothing counts as written."""
    leases, said = put_off(), list[Signal]()
    nowhere: dict[str, Setting] = {
        "bootstrap.servers": "127.0.0.1:1",
        "message.timeout.ms": 300,
        "log_level": 0,
    }
    journal = Journal("g-deferred", nowhere, said.append)
    for _ in range(2):
        commits = leases.commits()
        assert [commit.offset for commit in commits] == [4]
        assert journal.record([(lease, c) for c in commits for lease in leases]) == []
        leases.refused(commits[0])
    assert [signal.kind for signal in said] == [SignalKind.DEFERRAL_FAILED] * 2
