"""Leases: on disk before the fault, undone by whoever finds them orphaned."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos.leases import Lease, LeaseBook, Owner, Place, RestoreAcls, Undo
from chaos.restore import due, end_workers, restore
from chaos.targets.target import TargetError


def lease(owner: Owner, *, what: str = "fault", deadline_s: float = 60.0) -> Lease:
    """A lease with nothing to undo but workers."""
    return Lease(
        run_dir="/runs/told-1",
        what=what,
        place=Place(target="lab", name="no-such-lab"),
        owner=owner,
        deadline_s=time.time() + deadline_s,
        undo=(Undo(action="heal-links", names=("x",)), Undo(action="end-workers")),
    )


def gone() -> Owner:
    """A process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    owner = Owner(pid=process.pid, started_s=time.time())
    process.wait()
    return owner


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LeaseBook:
    """A book of its own, with labs of its own."""
    monkeypatch.setenv("QUORATE_CACHE", str(tmp_path))
    return LeaseBook(tmp_path / "leases")


def test_a_lease_is_read_as_it_was_written(book: LeaseBook) -> None:
    """And is gone once released, as often as one likes."""
    written = lease(Owner.me())
    path = book.write(written)
    assert book.all() == [(path, written)]
    for _ in range(2):
        book.release(path)
    assert book.all() == []


def test_only_orphans_and_the_overdue_may_be_undone(book: LeaseBook) -> None:
    """A live owner within its time is left alone; a pid that came again is no owner."""
    me = Owner.me()
    assert not due(lease(me))
    assert due(lease(me, deadline_s=-1))
    assert due(lease(gone()))
    assert due(lease(Owner(pid=os.getpid(), started_s=me.started_s - 1000)))


def test_restore_undoes_orphans_and_says_so(book: LeaseBook) -> None:
    """A lab that is gone needs no healing; the second time there is nothing to do."""
    book.write(lease(gone()))
    kept = book.write(lease(Owner.me(), what="other"))
    assert restore(book) == ["told-1: fault is undone"]
    assert restore(book) == []
    assert [path for path, _ in book.all()] == [kept]


def test_faults_are_undone_before_the_run_that_made_them(book: LeaseBook) -> None:
    """The run's own lease takes the lab down, and a lab that is down cannot be healed."""
    book.write(lease(gone(), what="run"))
    book.write(lease(gone(), what="zz-fault"))
    assert restore(book) == ["told-1: zz-fault is undone", "told-1: run is undone"]


def unreachable(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> Lease:
    """A lease on AWS, which is not to be had."""
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_soon.getsockname()[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    way = RestoreAcls(
        region="eu-central-1",
        account_id="123456789012",
        vpc_id="vpc-1",
        mark="told-2.cut",
        original={"subnet-1": "acl-1"},
    )
    return Lease(
        run_dir="/runs/told-2",
        what="cut",
        place=Place(target="aws", name="production"),
        owner=owner,
        deadline_s=time.time() + 60,
        undo=(way, Undo(action="end-workers")),
    )


def test_a_lease_on_aws_is_read_as_it_was_written(
    book: LeaseBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way back as what it is."""
    written = unreachable(Owner.me(), monkeypatch)
    path = book.write(written)
    assert book.all() == [(path, written)]


def test_what_cannot_be_undone_keeps_nobody_from_undoing_the_rest(
    book: LeaseBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease stays, and the message says whose it is, where, and why."""
    kept = book.write(unreachable(gone(), monkeypatch))
    book.write(lease(gone(), what="run"))
    book.write(lease(gone(), what="zz-fault"))
    with pytest.raises(TargetError) as said:
        restore(book)
    first, *done = str(said.value).splitlines()
    assert first.startswith("told-2: cut on aws production is not undone: AWS, DescribeNetworkAcls")
    assert sorted(done) == ["told-1: run is undone", "told-1: zz-fault is undone"]
    assert [path for path, _ in book.all()] == [kept]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"what": "x"}', "\x00"])
def test_a_damaged_lease_is_named_and_not_guessed_at(text: str, book: LeaseBook) -> None:
    """Nobody can say what it would undo."""
    book.folder.mkdir(parents=True)
    file = book.folder / "x.json"
    file.write_text(text)
    assert book.damaged() == [file]
    assert book.all() == []


def test_workers_are_found_by_their_runs_folder(tmp_path: Path) -> None:
    """Those of this run end; a process of another folder does not."""
    code = "import sys; sys.stdin.read()"
    commands = [
        [sys.executable, "-c", code, "chaos.workload.member", f"--run={folder}"]
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for command in commands]
    try:
        assert end_workers(str(tmp_path / "a")) == 1
        processes[0].wait(5)
        assert processes[1].poll() is None
    finally:
        for process in processes:
            process.kill()
            process.communicate()
