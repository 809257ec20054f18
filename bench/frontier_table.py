"""The table and the plot of the frontier benchmark, from its saved rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

_INSIDE, _OUTSIDE = "#1763b6", "#c2570c"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: the stall tolerated and the pause in writing, controller inside and outside."""
    lines = [
        "| time-outs | session ms | tolerated stall ms | pause, controller inside: median / max s "
        "| outside: median / max s | lost |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        inside, outside = row["inside_s"], row["outside_s"]
        lines.append(
            f"| x{row['factor']:g} | {row['session_ms']} | {row['tolerated_ms']} "
            f"| {median(inside):.2f} / {max(inside):.2f} "
            f"| {median(outside):.2f} / {max(outside):.2f} | {row['lost']} |"
        )
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Every run as a point over the stall that its time-outs tolerated."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "quorate", "font.size": 10}):
        figure = Figure(figsize=(7.5, 4), layout="constrained")
        axis = figure.subplots()
        for key, color, label in (
            ("inside_s", _INSIDE, "active controller inside the lost zone"),
            ("outside_s", _OUTSIDE, "outside"),
        ):
            stalls = [row["tolerated_ms"] for row in rows for _ in row[key]]
            pauses = [pause for row in rows for pause in row[key]]
            axis.plot(stalls, pauses, "o", ms=5, alpha=0.6, color=color, label=label)
            middles = [median(row[key]) for row in rows]
            axis.plot([row["tolerated_ms"] for row in rows], middles, color=color, linewidth=1)
        for row in rows:
            axis.annotate(
                f"x{row['factor']:g}",
                (row["tolerated_ms"], max(*row["inside_s"], *row["outside_s"])),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
            )
        axis.set_xlabel("longest stall that moved nothing, ms")
        axis.set_ylabel("longest pause in writing, seconds")
        axis.set_ylim(bottom=0)
        axis.margins(y=0.15)
        axis.grid(visible=True, color="#dfe3e8")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, loc="upper left")
        figure.savefig(path, metadata={"Date": None})
