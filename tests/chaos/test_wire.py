"""The suite's own protocol client, over real sockets."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.topology import Role
from chaos.wire import NoAnswer, Wire
from tests.blueprint.test_outputs import GOOD

#: One broker with id 1 and no topic: throttle, brokers, cluster id, controller id, topics.
METADATA = (
    struct.pack(">iii", 0, 1, 1)
    + (struct.pack(">h", 4) + b"host" + struct.pack(">ih", 9092, -1))
    + struct.pack(">hii", -1, 1, 0)
)
#: What a node does with a question: its answer's correlation id is given, and how many came before.
Answers = Callable[[int, int], bytes | None]


class Node:
    """Something that listens where a node would."""

    def __init__(self, answers: Answers) -> None:
        """Listen."""
        self.connections = self.questions = 0
        self.open: list[socket.socket] = []
        self.requests: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def output(self) -> NodeOutput:
        """As outputs name it."""
        host, port = self._listener.getsockname()
        return NodeOutput(id=1, name="broker-1", role=Role.BROKER, zone="a", host=host, port=port)

    def hang_up(self) -> None:
        """Close what is open."""
        for one in self.open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        """Close everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, struct.error):
            while True:
                (length,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
                request = connection.recv(length, socket.MSG_WAITALL)
                self.requests.append(request)
                (number,) = struct.unpack_from(">i", request, 4)
                answer = self._answers(number, self.questions)
                self.questions += 1
                if answer is not None:
                    connection.sendall(struct.pack(">i", len(answer)) + answer)


@contextmanager
def node(answers: Answers) -> Iterator[Node]:
    """A node for a while."""
    listening = Node(answers)
    try:
        yield listening
    finally:
        listening.close()


def rightly(number: int, _: int) -> bytes:
    """The answer."""
    return struct.pack(">i", number) + METADATA


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Of a cluster that asks nobody who he is."""
    with Wire(StackOutputs.model_validate(GOOD)) as one:
        yield one


def test_one_connection_serves_many_questions(wire: Wire) -> None:
    """It is kept between them."""
    with node(rightly) as broker:
        for _ in range(5):
            assert wire.metadata(broker.output, "t", 5).brokers == {1}
        assert (broker.connections, broker.questions) == (1, 5)


def test_a_node_that_came_back_is_asked_anew(wire: Wire) -> None:
    """A kept connection to a process that ended since is no answer and no failure."""
    with node(rightly) as broker:
        wire.metadata(broker.output, "t", 5)
        broker.hang_up()
        assert wire.metadata(broker.output, "t", 5).brokers == {1}
        assert broker.connections == 2


def test_silence_ends_in_time_and_is_not_heard_later(wire: Wire) -> None:
    """What did not answer is hung up: its late answer would be taken for the next one's."""

    def at_first_silent(number: int, before: int) -> bytes | None:
        return rightly(number, before) if before else None

    with node(at_first_silent) as broker:
        with pytest.raises(NoAnswer, match="broker-1"):
            wire.metadata(broker.output, "t", 0.2)
        assert wire.metadata(broker.output, "t", 5).brokers == {1}
        assert broker.connections == 2


@pytest.mark.parametrize(
    "answers",
    [
        lambda number, _: struct.pack(">i", number + 1) + METADATA,
        lambda number, _: struct.pack(">i", number) + METADATA[:-7],
        lambda number, _: struct.pack(">i", number),
    ],
    ids=["another's", "cut short", "empty"],
)
def test_what_cannot_be_read_is_no_answer(wire: Wire, answers: Answers) -> None:
    """Never anything but NoAnswer."""
    with node(answers) as broker, pytest.raises(NoAnswer, match="broker-1"):
        wire.metadata(broker.output, "t", 5)


def test_a_node_that_is_not_there_is_no_answer(wire: Wire) -> None:
    """Refused at once."""
    with node(rightly) as broker:
        gone = broker.output
    with pytest.raises(NoAnswer, match="refused"):
        wire.metadata(gone, "t", 5)
