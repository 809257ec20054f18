"""Commits that were asked for and are not answered yet.

On a slow link a commit takes longer than the time until the next one: several of a partition are
under way then, and each answer is one's own.
"""

from collections.abc import Iterable

from fleet.leases import Commit
from fleet.record import Partition


class UnderWay:
    """Of each partition its commits, in the order in which they were asked for."""

    def __init__(self) -> None:
        """Begin with none."""
        self._commits: dict[Partition, list[Commit]] = {}

    def add(self, commits: Iterable[Commit]) -> None:
        """They were asked for; what an earlier lease asked for is no longer waited for."""
        for commit in commits:
            waiting = self._commits.get(commit.partition, [])
            same = [one for one in waiting if one.epoch == commit.epoch]
            self._commits[commit.partition] = [*same, commit]

    def drop(self, partition: Partition) -> None:
        """Whatever is answered of it now says less than is known."""
        self._commits.pop(partition, None)

    def answered(self, partition: Partition, offset: int) -> Commit | None:
        """The commit that an answer is about, and none that was asked for before it any more.

        Nothing where nobody waits for it: it was dropped, or a later one was answered.
        """
        waiting = self._commits.get(partition, [])
        for number, commit in enumerate(waiting):
            if commit.offset == offset:
                del waiting[: number + 1]
                return commit
        return None
