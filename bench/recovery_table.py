"""The table and the plot of the recovery benchmark, from its saved runs."""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

Row = Mapping[str, object]
#: What did not recover within the benchmark's patience is drawn there.
CUT_S = 100.0


def load(path: Path) -> list[Row]:
    """The runs, in order."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def cells(rows: Iterable[Row]) -> dict[tuple[str, bool, str], list[float]]:
    """Gaps in seconds by fault, controller inside, profile."""
    found: dict[tuple[str, bool, str], list[float]] = {}
    for row in rows:
        gap = row["gap_s"]
        key = (str(row["fault"]), bool(row["controller_inside"]), str(row["profile"]))
        found.setdefault(key, []).append(float(gap) if isinstance(gap, int | float) else CUT_S)
    return found


def table(rows: list[Row]) -> str:
    """Markdown: every cell with its runs, median and maximum, and the two ratios."""
    found = cells(rows)
    lines = [
        "| fault | controller | profile | runs | median s | max s | median ratio | max ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fault, inside, profile in sorted(found):
        gaps = found[fault, inside, profile]
        base = found.get((fault, inside, "kafka-defaults"))
        ratios = ("", "")
        if base and profile != "kafka-defaults":
            ratios = (
                f"{statistics.median(base) / statistics.median(gaps):.1f}x",
                f"{max(base) / max(gaps):.1f}x",
            )
        where = "inside" if inside else "outside"
        lines.append(
            f"| {fault} | {where} | {profile} | {len(gaps)} | {statistics.median(gaps):.2f} "
            f"| {max(gaps):.2f} | {ratios[0]} | {ratios[1]} |"
        )
    lost = sum(int(str(row["lost"])) for row in rows)
    acknowledged = sum(int(str(row["acknowledged"])) for row in rows)
    lines.append("")
    lines.append(f"{lost} of {acknowledged:,} acknowledged records lost in {len(rows)} runs.")
    return "\n".join(lines) + "\n"


def plot(rows: list[Row], path: Path) -> None:
    """Every run as a point, the median as a bar, on a logarithmic axis."""
    found = cells(rows)
    keys = sorted({(fault, inside) for fault, inside, _ in found})
    profiles = sorted({profile for *_, profile in found})
    colors = dict(zip(profiles, ("#1763b6", "#c2570c", "#12733f", "#8a7a1f"), strict=False))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "quorate", "font.size": 10}):
        figure = Figure(figsize=(9, 4), layout="constrained")
        axis = figure.subplots()
        for place, (fault, inside) in enumerate(keys):
            for shift, profile in enumerate(profiles):
                gaps = found.get((fault, inside, profile), [])
                x = place + (shift - (len(profiles) - 1) / 2) * 0.3
                spread = np.linspace(-0.06, 0.06, len(gaps)) if gaps else np.zeros(0)
                label = profile if place == 0 else None
                axis.plot(
                    x + spread, gaps, "o", ms=4, alpha=0.6, color=colors[profile], label=label
                )
                if gaps:
                    middle = statistics.median(gaps)
                    axis.hlines(middle, x - 0.11, x + 0.11, color=colors[profile], lw=2.5)
        axis.set_yscale("log")
        axis.set_yticks([1, 2, 5, 10, 20, 60], labels=["1", "2", "5", "10", "20", "60"])
        axis.minorticks_off()
        axis.set_ylabel("longest pause in writing, seconds")
        names = [f"{fault}\ncontroller {'inside' if i else 'outside'}" for fault, i in keys]
        axis.set_xticks(range(len(keys)), names)
        axis.grid(visible=True, axis="y", color="#dfe3e8")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})
