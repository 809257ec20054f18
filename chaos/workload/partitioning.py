"""Keys that Kafka's own producer puts into a wanted partition."""

_M, _SEED, _R = 0x5BD1E995, 0x9747B28C, 24
_32 = 0xFFFFFFFF


def key_into(partition: int, partitions: int) -> str:
    """The first of a row of keys that goes there."""
    number = 0
    while partition_of(key := f"p{partition}-{number}", partitions) != partition:
        number += 1
    return key


def partition_of(key: str, partitions: int) -> int:
    """As Kafka's default partitioner has it."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The hash of Kafka's ``Utils.murmur2``, as 32 bits without a sign."""
    hashed, whole = (_SEED ^ len(data)) & _32, len(data) & ~3
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at : at + 4], "little") * _M & _32
        part = (part ^ part >> _R) * _M & _32
        hashed = (hashed * _M & _32) ^ part
    if len(data) > whole:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _M & _32
    hashed = (hashed ^ hashed >> 13) * _M & _32
    return hashed ^ hashed >> 15
