"""Who may do what on a cluster whose authorizer denies whatever no rule allows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from blueprint.fleets import REPLAY
from blueprint.problem import BadInput, Problem

#: Principals, topics and groups that begin so are the platform's own.
RESERVED_PREFIX = "quorate-"
#: A user's secret, and a fleet's objects, are called as he is: so are these, and what begins like
#: them and a dash. The cluster's authority is one (``kafka-cluster-ca``), its proxies are others.
_OBJECTS = ("kafka", "game-day")
#: Kubernetes makes a service account of this name in every namespace, for pods that name none.
_EVERYWHERE = "default"
#: What the certificates' mapping rule lets through as a client's name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """A Kafka user: of a password, or of a certificate with this common name."""

    name: str

    def __str__(self) -> str:
        """As Kafka writes it: ``User:payments``."""
        return f"User:{self.name}"


#: Every broker and controller; may do anything.
NODE = Principal(f"{RESERVED_PREFIX}node")
#: Makes topics, users and access rules; may do anything.
ADMIN = Principal(f"{RESERVED_PREFIX}admin")
#: The chaos suite.
SUITE = Principal(f"{RESERVED_PREFIX}chaos")
#: Says how far fleets are behind; reads no record.
LAG = Principal(f"{RESERVED_PREFIX}lag")


class Resource(StrEnum):
    """What is accessed, as Strimzi writes it."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"
    TRANSACTIONAL_ID = "transactionalId"


class Pattern(StrEnum):
    """Whether a name is one resource's or the beginning of many."""

    LITERAL = "literal"
    PREFIXED = "prefix"


class Operation(StrEnum):
    """What is done, as Kafka's command line and Strimzi write it.

    Read, Write, Delete and Alter each allow Describe too.
    """

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DELETE = "Delete"
    ALTER = "Alter"
    DESCRIBE = "Describe"


#: The one name that a resource of the kind cluster has.
CLUSTER_NAME = "kafka-cluster"


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """One allowance, from whichever host: there are no denials, since denying is the default."""

    principal: Principal
    resource: Resource
    name: str
    pattern: Pattern
    operations: tuple[Operation, ...]


def fleet_accesses(
    name: str,
    consumes: Iterable[str],
    produces: Iterable[str],
    group: str = "",
    deferred: str = "",
) -> tuple[Access, ...]:
    """What one fleet, or one other client, may do: nothing beyond its topics and its group.

    Args:
        name: The fleet; also its principal.
        consumes: Topics it reads.
        produces: Topics it writes, idempotently (which needs no more).
        group: The consumer group's id; the name when left out. Only a reader gets one.
        deferred: The topic of what it puts off, if it ever does; its replay is a group of its own.

    Raises:
        BadInput: The name is reserved or none that a certificate may carry.
    """
    problems = name_problems(name)
    if problems:
        raise BadInput(problems)
    who, reads = Principal(name), sorted(set(consumes))
    found = [_literal(who, Resource.TOPIC, topic, Operation.READ) for topic in reads]
    if reads:
        found.append(_literal(who, Resource.GROUP, group or name, Operation.READ))
    writes = sorted(set(produces))
    found += [_literal(who, Resource.TOPIC, topic, Operation.WRITE) for topic in writes]
    if deferred:
        both = (Operation.READ, Operation.WRITE)
        found.append(Access(who, Resource.TOPIC, deferred, Pattern.LITERAL, both))
        replay = f"{group or name}{REPLAY}"
        found.append(_literal(who, Resource.GROUP, replay, Operation.READ))
    return tuple(found)


def suite_accesses() -> tuple[Access, ...]:
    """What the chaos suite may do: everything to topics and groups of its own, watch, elect.

    Electing preferred leaders after a fault needs Alter on the cluster. Kafka knows no smaller
    right for it, and the same one makes access rules and users: whoever holds the suite's
    credentials can make himself an administrator. They exist only where a stack allows chaos.
    """
    owns = (Operation.CREATE, Operation.DELETE, Operation.READ, Operation.WRITE)
    watches = (Operation.ALTER, Operation.DESCRIBE)
    return (
        Access(SUITE, Resource.CLUSTER, CLUSTER_NAME, Pattern.LITERAL, watches),
        Access(SUITE, Resource.GROUP, RESERVED_PREFIX, Pattern.PREFIXED, (Operation.READ,)),
        Access(SUITE, Resource.TOPIC, RESERVED_PREFIX, Pattern.PREFIXED, owns),
    )


def lag_accesses(groups: Iterable[str], topics: Iterable[str]) -> tuple[Access, ...]:
    """What is needed to say how far these groups are behind on these topics, and no more."""
    kinds = {Resource.TOPIC: topics, Resource.GROUP: groups}
    return tuple(
        _literal(LAG, kind, name, Operation.DESCRIBE)
        for kind, names in kinds.items()
        for name in sorted(set(names))
    )


def name_problems(name: str, path: str = "name") -> list[Problem]:
    """Why a fleet or client may not be called so."""
    if name.startswith(RESERVED_PREFIX):
        legal = f"a name that does not begin with {RESERVED_PREFIX}: those are the platform's"
        return [Problem(path, repr(name), legal)]
    if name == _EVERYWHERE or any(f"{name}-".startswith(f"{taken}-") for taken in _OBJECTS):
        taken = ", ".join((_EVERYWHERE, *(f"{one}, {one}-*" for one in _OBJECTS)))
        return [
            Problem(path, repr(name), f"a name that nothing else of a stack's has: not {taken}")
        ]
    if not _NAME.fullmatch(name):
        return [Problem(path, repr(name), "1 to 63 letters, digits, dots and dashes")]
    return []


def _literal(who: Principal, resource: Resource, name: str, operation: Operation) -> Access:
    return Access(who, resource, name, Pattern.LITERAL, (operation,))
