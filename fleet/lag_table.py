"""Lag as a table for people."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from fleet.lag import GroupLag, PartitionLag
from fleet.lag_levels import Level

_STYLES = {
    Level.NORMAL: "green",
    Level.WARNING: "yellow",
    Level.CRITICAL: "red",
    Level.EMERGENCY: "bold white on red",
}
#: Of a group the partitions that are behind most are shown.
MOST_PARTITIONS = 8
_COLUMNS = ("lag", "oldest waits", "level", "arriving/s", "done/s", "drained in", "instances", "")


def table(groups: Iterable[GroupLag]) -> Table:
    """A row for each group, and under it those of its partitions that are behind most."""
    made = Table("group", *_COLUMNS, title="lag", title_justify="left")
    for group in groups:
        made.add_row(*_group_row(group))
        behind = sorted(group.partitions, key=lambda p: p.lag_records, reverse=True)
        for partition in [p for p in behind if p.lag_records][:MOST_PARTITIONS]:
            made.add_row(*_partition_row(partition))
    if not made.row_count:
        made.caption = "no group has committed anything"
    return made


def _group_row(group: GroupLag) -> list[Text | str]:
    return [
        Text(group.group, style="bold"),
        f"{group.lag_records:,}",
        duration(group.lag_s),
        Text(group.level.title, style=_STYLES[group.level]),
        _rate(group.arriving_per_s),
        _rate(group.done_per_s),
        duration(group.drain_s, "never"),
        _instances(group),
        _said(group),
    ]


def _partition_row(partition: PartitionLag) -> list[Text | str]:
    name = Text(f"  {partition.topic}/{partition.partition}", style="dim")
    level = Text(partition.level.title, style=_STYLES[partition.level])
    lag = f"{partition.lag_records:,}"
    return [name, lag, duration(partition.lag_s), level, "", "", "", "", ""]


def _said(group: GroupLag) -> Text:
    said = [group.level.advice] if group.level else []
    if group.deficit:
        said.append(f"deficit of {group.deficit_ratio:.1%}")
    if group.needs_partitions:
        said.append("more partitions are needed")
    if group.unknown:
        said.append(f"unknown: {', '.join(group.unknown[:3])}")
    return Text("; ".join(said), style="red" if group.deficit else "")


def _instances(group: GroupLag) -> str:
    now = "?" if group.instances is None else str(group.instances)
    wanted = group.instances_wanted
    return now if wanted is None or wanted == group.instances else f"{now}, wanted {wanted}"


def _rate(per_s: float | None) -> str:
    return "" if per_s is None else f"{per_s:,.0f}"


def duration(seconds: float | None, otherwise: str = "") -> str:
    """Seconds for people; ``otherwise`` where there are none."""
    if seconds is None:
        return otherwise
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
