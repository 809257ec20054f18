"""Which records are traced: decided from key and number alone, before anything is built for one."""

from zlib import crc32

_MASK, _WHOLE = (1 << 32) - 1, 1 << 32
#: Spreads what a short key leaves close together; 2^32 over the golden ratio, and odd, so that
#: no two checksums become one.
_STEP = 0x9E3779B1


class Sampler:
    """The same key and number are always decided alike, in whichever process."""

    def __init__(self, ratio: float) -> None:
        """Choose this part of all, 0 to 1."""
        self._limit = round(ratio * _WHOLE)

    def chosen(self, key: bytes | None, number: int) -> bool:
        """Whether a record is traced.

        Args:
            key: The record's.
            number: Its offset, or how many its producer has sent before it.
        """
        # One pass over the key that begins with the number: both are in it, at the price of one.
        return crc32(key or b"no key", number & _MASK) * _STEP & _MASK < self._limit
