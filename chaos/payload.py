"""Records that say who they are: a JSON object of fixed width, identity and CRC at its end.

The identity never depends on the offset: a client can acknowledge with an invalid one. The CRC
covers everything before it; the body comes first so that its share is computed once per body.
"""

import json
import random
import zlib
from dataclasses import dataclass

#: Shorter records could not hold their identity and a body.
SMALLEST_BYTES = 192
#: Keys of each producer: enough that lanes share a partition, few enough that a key has followers.
KEYS = 64
_TAIL = '","run":"%08x","producer":"%04d","partition":"%05d","sequence":"%012d","crc":"'
_TAIL_BYTES = len(_TAIL % (0, 0, 0, 0))
_CRC_BYTES = 8
_END = b'"}'
_HEAD = b'{"body":"'
_BODIES = 32
_WORDS = ("order", "paid", "shipped", "zone", "customer", "basket", "euro", "item", "refund")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who wrote a record. ``sequence`` counts up from 0 per producer and partition."""

    run: int
    producer: int
    partition: int
    sequence: int


class Encoder:
    """Writes records of exactly ``record_bytes`` for one producer of one run."""

    def __init__(self, run: int, producer: int, record_bytes: int, seed: int) -> None:
        """Prepare the bodies.

        Raises:
            ValueError: ``record_bytes`` is below ``SMALLEST_BYTES``.
        """
        if record_bytes < SMALLEST_BYTES:
            raise ValueError(f"record_bytes: got {record_bytes}; legal: {SMALLEST_BYTES} or more")
        self._run, self._producer = run, producer
        length = record_bytes - len(_HEAD) - _TAIL_BYTES - _CRC_BYTES - len(_END)
        words = random.Random(seed)
        self._bodies = []
        for _ in range(_BODIES):
            body = _HEAD + _body(words, length)
            self._bodies.append((body, zlib.crc32(body)))

    def encode(self, partition: int, sequence: int) -> bytes:
        """The bytes of one record."""
        body, crc = self._bodies[sequence % _BODIES]
        tail = (_TAIL % (self._run, self._producer, partition, sequence)).encode()
        return b"%b%b%08x%b" % (body, tail, zlib.crc32(tail, crc), _END)


def decode(value: bytes) -> tuple[Identity, bool] | None:
    """Who wrote a record and whether its CRC holds; None when it carries no identity at all."""
    crc_at = len(value) - len(_END) - _CRC_BYTES
    tail = value[crc_at - _TAIL_BYTES : crc_at]
    try:
        identity = Identity(
            int(tail[9:17], 16), int(tail[31:35]), int(tail[50:55]), int(tail[69:81])
        )
        said = int(value[crc_at : crc_at + _CRC_BYTES], 16)
    except ValueError:
        return None
    return identity, zlib.crc32(value[:crc_at]) == said


def attribute(value: bytes, run: int, partition: int) -> tuple[int, int, bool]:
    """A record as a row knows it: producer, sequence, and whether it is intact and in its place.

    Producer and sequence are -1 for what is not a record of this run.
    """
    identity, crc_ok = decode(value) or (None, False)
    if identity is None or identity.run != run:
        return -1, -1, False
    return identity.producer, identity.sequence, crc_ok and identity.partition == partition


def readable(value: bytes) -> dict[str, str]:
    """A record as anyone would read it."""
    return dict(json.loads(value))


def _body(words: random.Random, length: int) -> bytes:
    text = ""
    while len(text) < length:
        text += f"{words.choice(_WORDS)}={words.randrange(10**6)} "
    return text[:length].encode()
