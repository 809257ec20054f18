"""Bad handlers, bad records and bad logs on real Kafka: clear, nothing lost, nothing stuck."""

import signal

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from blueprint.client_settings import GroupProtocol
from lab.cluster import Lab
from tests.fleet.running_fleet import MakeFleet, read_all

pytestmark = pytest.mark.cluster


def test_poison_goes_to_the_dead_letters_with_its_cause_and_stops_nothing(
    make_fleet: MakeFleet,
) -> None:
    """Its key's later records are handled after it, its partition is committed to the end."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    producer = Producer({"bootstrap.servers": fleet.servers, "message.max.bytes": 2_000_000})
    for value in ("0", "poison", "2"):
        producer.produce(fleet.topic, value, "bad", partition=1, headers=[("mine", b"kept")])
    producer.produce(fleet.topic, "nokey", None, partition=2)
    producer.produce(fleet.topic, b"x" * 1_000_000, "large", partition=3)
    producer.produce(fleet.topic, bytes(range(256)), b"\xff\xfe", partition=4)
    assert producer.flush(30) == 0
    fleet.start("hang_or_poison")
    fleet.until(fleet.done, "everything is committed")
    letters = read_all(fleet.servers, f"{fleet.topic}-dead-letter", 1)
    headers = dict(letters[0].headers() or [])
    assert letters[0].value() == b"poison"
    assert headers["mine"] == b"kept"
    assert headers["quorate-dead-error"] == b"ValueError"
    assert headers["quorate-dead-text"] == b"this cannot be handled"
    assert headers["quorate-dead-offset"] == b"1"
    assert headers["quorate-dead-attempts"] == b"5"
    assert len(fleet.signals("poisoned")) == 1
    assert [line.value for line in fleet.lines() if line.key == "bad"] == ["0", "2"]
    assert {line.partition for line in fleet.lines()} == {1, 2, 3, 4}


def test_a_handler_that_hangs_is_said_with_where_and_how_long(make_fleet: MakeFleet) -> None:
    """Other keys go on; the commit stays below it; once it ends everything is committed."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    (fleet.folder / "hangs").touch()
    (fleet.folder / "settings.yaml").write_text("hung_after_s: 0.5\nstalled_after_s: 1\n")
    producer = Producer({"bootstrap.servers": fleet.servers})
    producer.produce(fleet.topic, "hang", "stuck", partition=5)
    for number in range(50):
        producer.produce(fleet.topic, "ok", f"k{number}", partition=5)
    assert producer.flush(30) == 0
    fleet.start(
        "hang_or_poison", "--settings", str(fleet.folder / "settings.yaml"), "--lanes", "64"
    )
    fleet.until(lambda: bool(fleet.signals("hung")), "it is said")
    said = fleet.signals("hung")[0]
    assert (said["partition"], said["offset"], said["key"]) == (5, 0, "stuck")
    assert isinstance(said["seconds"], float)
    assert said["seconds"] >= 0.5
    fleet.until(lambda: len(fleet.lines()) >= 40, "other keys go on")
    fleet.until(lambda: bool(fleet.signals("stalled")), "the partition is said to stand")
    assert fleet.committed().get(5, 0) == 0
    (fleet.folder / "hangs").unlink()
    fleet.until(fleet.done, "everything is committed")
    fleet.until(lambda: bool(fleet.signals("hung-ended")), "its end is said, at the next look")


def test_what_is_done_above_a_hanging_record_is_not_done_again(make_fleet: MakeFleet) -> None:
    """The commit's metadata carries it to the next member; only the hanging one is handled anew."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    (fleet.folder / "hangs").touch()
    (fleet.folder / "settings.yaml").write_text("drain_deadline_s: 0.5\n")
    producer = Producer({"bootstrap.servers": fleet.servers})
    producer.produce(fleet.topic, "hang", "stuck", partition=5)
    for number in range(200):
        producer.produce(fleet.topic, "ok", f"k{number}", partition=5)
    assert producer.flush(30) == 0
    arguments = ("--settings", str(fleet.folder / "settings.yaml"), "--lanes", "128")
    first = fleet.start("hang_or_poison", *arguments)
    fleet.until(lambda: len(fleet.lines()) >= 190, "the rest is handled")
    before = {line.offset for line in fleet.lines()}
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "it leaves at its deadline", 30)
    assert first.returncode == 1
    assert fleet.signals("drain-expired")
    (fleet.folder / "hangs").unlink()
    fleet.start("hang_or_poison", *arguments)
    fleet.until(fleet.done, "everything is committed")
    again = [line for line in fleet.lines() if line.pid != first.pid]
    assert {line.offset for line in again} == set(range(201)) - before


def test_a_damaged_batch_is_left_out_with_a_dead_letter_in_its_place(
    lab: Lab, make_fleet: MakeFleet
) -> None:
    """What is before and behind it is handled, once it was read again in vain."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare(partitions=1, replicas=1)
    producer = Producer({"bootstrap.servers": fleet.servers, "linger.ms": 100})
    for value, count in (("before", 3), ("damaged", 50), ("behind", 3)):
        for number in range(count):
            producer.produce(fleet.topic, value * 20, f"k-{number}")
        assert producer.flush(30) == 0
    damage(lab, fleet.topic, b"damageddamaged")
    fleet.start("hang_or_poison")
    fleet.until(lambda: fleet.committed().get(0) == 56, "everything is committed")
    assert sorted(line.offset for line in fleet.lines()) == [0, 1, 2, 53, 54, 55]
    assert len(fleet.signals("corrupt")) == 3
    (letter,) = read_all(fleet.servers, f"{fleet.topic}-dead-letter", 1)
    headers = dict(letter.headers() or [])
    assert (headers["quorate-dead-error"], headers["quorate-dead-offset"]) == (b"Corrupt", b"3")
    assert b"offsets 3 to 52" in (headers["quorate-dead-why"] or b"")


def test_what_retention_deleted_before_it_was_read_is_said(make_fleet: MakeFleet) -> None:
    """A reset is never silent: the group goes on with what is left, and says what is not."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    producer = Producer({"bootstrap.servers": fleet.servers})
    for number in range(10):
        producer.produce(fleet.topic, str(number), "k", partition=3)
    assert producer.flush(30) == 0
    first = fleet.start("write_down")
    fleet.until(fleet.done, "everything is committed")
    first.send_signal(signal.SIGTERM)
    fleet.until(lambda: first.poll() is not None, "it leaves", 30)
    for number in range(10, 30):
        producer.produce(fleet.topic, str(number), "k", partition=3)
    assert producer.flush(30) == 0
    admin = AdminClient({"bootstrap.servers": fleet.servers})
    for future in admin.delete_records([TopicPartition(fleet.topic, 3, 25)]).values():
        future.result(30)
    fleet.start("write_down")
    fleet.until(fleet.done, "everything is committed")
    (said,) = fleet.signals("overtaken")
    assert (said["partition"], said["offset"]) == (3, 10)
    assert "15 records" in str(said["detail"])
    assert [line.offset for line in fleet.lines()] == [*range(10), *range(25, 30)]


def test_a_handler_that_returns_something_is_told_so_in_every_dead_letter(
    make_fleet: MakeFleet,
) -> None:
    """It is called once for each record: its effects may have happened."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    fleet.prepare()
    fleet.produce(20, 20)
    fleet.start("return_something")
    fleet.until(fleet.done, "everything is committed")
    letters = read_all(fleet.servers, f"{fleet.topic}-dead-letter", 20)
    whys = {dict(letter.headers() or [])["quorate-dead-why"] for letter in letters}
    assert whys == {b"the handler returned int; it returns None, or raises what is wrong"}
    assert len(letters) == len(fleet.lines()) == 20


def test_topics_that_do_not_exist_are_refused_in_one_go(make_fleet: MakeFleet) -> None:
    """With their names and what to do; nothing has joined."""
    fleet = make_fleet(GroupProtocol.CONSUMER)
    member = fleet.start("write_down", "--dead-letters", "quorate-nowhere")
    fleet.until(lambda: member.poll() is not None, "it is refused", 30)
    assert member.returncode == 2
    said = fleet.said.read_text()
    assert fleet.topic in said
    assert "quorate-nowhere" in said
    assert "Traceback" not in said
    fleet.prepare()


def damage(lab: Lab, topic: str, content: bytes) -> None:
    """Change one byte of a record where it is stored; its broker does not notice."""
    for path in lab.plan.state.folder.rglob(f"{topic}-0/*.log"):
        at = path.read_bytes().find(content)
        if at >= 0:
            with path.open("r+b") as file:
                file.seek(at)
                file.write(b"D")
            return
    pytest.fail("the record is in no log")
