"""How long the rules take over the resources of a stack.

``python -m bench.policies`` prints a table: seconds of a processor for stacks of several sizes,
made of the shipped one for AWS over and over, and for each resource how much. Reading and judging
alone: what the protocol adds is in ``tests/policies/test_over_the_protocol.py``.
"""

import base64
import gzip
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice

from bench.sections import table_of
from policies.extract import view_of
from policies.judging import judged
from policies.resource import Resource
from policies.rule import Scope
from policies.rules import RULES
from tests.policies.stacks import AWS, shipped

SIZES = (100, 500, 2000)
#: The promise: seconds for so many resources.
MOST_S, RESOURCES = 2.0, 500
_DATA = "userDataBase64"


def stack_of(resources: int) -> list[Resource]:
    """A stack of that size; no two machines have the same user data, so each is unpacked."""
    return list(islice(_endless(), resources))


def _endless() -> Iterator[Resource]:
    for turn in count():
        for one in shipped(AWS):
            packed = one.properties.get(_DATA)
            properties = dict(one.properties)
            if isinstance(packed, str):
                clear = gzip.decompress(base64.b64decode(packed))
                again = gzip.compress(clear, mtime=turn + 1)
                properties[_DATA] = base64.b64encode(again).decode()
            yield replace(one, urn=f"{one.urn}-{turn}", properties=properties)


def judged_s(resources: Sequence[Resource]) -> float:
    """Seconds of a processor: each resource by itself, then the stack as a whole."""
    began = time.process_time()
    for resource in resources:
        _judge(Scope.RESOURCE, resource)
    _judge(Scope.STACK, *resources)
    return time.process_time() - began


def _judge(scope: Scope, *resources: Resource) -> None:
    rules = [rule for rule in RULES if rule.scope is scope]
    # Of a stack that is there several times over something is found: that is judged too.
    list(judged(rules, resources, view_of))


def main() -> None:
    """Measure, and say so."""
    # What is read once at the start of a process is no stack's.
    judged_s(stack_of(SIZES[0]))
    rows = []
    for size in SIZES:
        resources = stack_of(size)
        seconds = judged_s(resources)
        rows.append((f"{size:,}", f"{seconds:.2f}", f"{1000 * seconds / size:.2f}"))
    print(table_of(("resources", "seconds", "ms each"), rows))
    print(f"{len(RULES)} rules; at most {MOST_S:g} s for {RESOURCES}")


if __name__ == "__main__":
    main()
