"""The timeline as SVG: faults as bands over ISR size, latency, throughput and lag."""

import io
import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from chaos.report.series import Band, Curves

#: Colours stand for roles here; the page gives each role its colour in light and in dark.
ROLES: Mapping[str, str] = {
    "#010101": "--ink",
    "#020202": "--quiet",
    "#030303": "--line",
    "#040404": "--band",
    "#050505": "--first",
    "#060606": "--second",
    "#070707": "--healing",
}
_INK, _QUIET, _LINE, _BAND, _FIRST, _SECOND, _HEALING = ROLES
#: A latency axis that begins at zero shows nothing beside an outage of seconds.
_LEAST_MS = 1.0


def timeline_svg(curves: Curves, *, narrow: bool) -> str:
    """The picture as an ``svg`` element; ``narrow`` is for a telephone's width."""
    size = (4.1, 9.6) if narrow else (12.0, 8.2)
    with mpl.rc_context(_style(narrow=narrow)):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(4, 1, sharex=True, height_ratios=(1.0, 1.5, 1.2, 1.5))
        _isr(axes[0], curves)
        _latency(axes[1], curves)
        _throughput(axes[2], curves)
        _lag(axes[3], curves)
        for index, axis in enumerate(axes):
            _frame(axis, curves)
            for number, band in enumerate(curves.bands, 1):
                _shade(axis, band, str(number) if index == 0 else "")
        axes[-1].set_xlabel("seconds since the steady state")
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _themed(text.getvalue(), narrow=narrow)


def _style(*, narrow: bool) -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "quorate",
        "font.family": "sans-serif",
        "font.size": 9 if narrow else 10,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _LINE,
        "xtick.color": _QUIET,
        "ytick.color": _QUIET,
        "axes.titlesize": 10 if narrow else 11,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlecolor": _INK,
    }


def _frame(axis: Axes, curves: Curves) -> None:
    axis.set_xlim(0, float(curves.at_s[-1]) if len(curves.at_s) else 1)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(visible=True, axis="y", color=_LINE, linewidth=0.5)
    axis.set_axisbelow(True)


def _shade(axis: Axes, band: Band, label: str) -> None:
    axis.axvspan(band.begin_s, band.end_s, color=_BAND, alpha=0.22, linewidth=0, zorder=0)
    axis.axvspan(band.end_s, band.whole_s, color=_HEALING, alpha=0.12, linewidth=0, zorder=0)
    if label:
        axis.annotate(
            label,
            ((band.begin_s + band.end_s) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontweight="bold",
            color=_BAND,
        )


def _threshold(axis: Axes, label: str, level: float) -> None:
    axis.axhline(level, color=_SECOND, linewidth=1, linestyle="--")
    axis.annotate(
        label,
        (0.005, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, -3),
        textcoords="offset points",
        va="top",
        color=_SECOND,
        fontsize="small",
    )


def _isr(axis: Axes, curves: Curves) -> None:
    axis.set_title("In-sync replicas of the worst partition", pad=14)
    moments, sizes = _worst_isr(curves)
    axis.fill_between(moments, sizes, step="post", color=_FIRST, alpha=0.25, linewidth=0)
    axis.step(moments, sizes, where="post", color=_FIRST, linewidth=1.6)
    _threshold(axis, "min.insync.replicas", curves.in_sync)
    axis.set_ylim(0, curves.replicas + 0.25)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))


def _worst_isr(curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    if not curves.isr:
        return np.zeros(1), np.zeros(1)
    moments = np.unique(np.concatenate([changes for changes, _ in curves.isr.values()]))
    worst = np.full(len(moments), curves.replicas)
    for changes, sizes in curves.isr.values():
        index = np.searchsorted(changes, moments, side="right") - 1
        worst = np.minimum(worst, np.where(index >= 0, sizes[np.maximum(index, 0)], worst))
    return moments, worst


def _latency(axis: Axes, curves: Curves) -> None:
    axis.set_title("Acknowledgement latency, all producers")
    for values, color, label in ((curves.p99_ms, _SECOND, "p99"), (curves.p50_ms, _FIRST, "p50")):
        shown = np.maximum(values, _LEAST_MS)
        axis.plot(curves.at_s, shown, color=color, linewidth=1.5, label=label)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(FuncFormatter(_duration))
    axis.minorticks_off()
    axis.legend(frameon=False, ncols=2, loc="upper left", borderpad=0, labelcolor=_INK)


def _duration(value_ms: float, _: object) -> str:
    return f"{value_ms / 1000:g} s" if value_ms >= 1000 else f"{value_ms:g} ms"


def _throughput(axis: Axes, curves: Curves) -> None:
    axis.set_title("Records acknowledged per second")
    axis.fill_between(curves.at_s, curves.acknowledged_per_s, color=_FIRST, alpha=0.25, linewidth=0)
    axis.plot(curves.at_s, curves.acknowledged_per_s, color=_FIRST, linewidth=1.5)
    _threshold(axis, "offered", curves.offered_per_s)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _lag(axis: Axes, curves: Curves) -> None:
    axis.set_title("Consumer lag of each partition, seconds")
    for lag in curves.lag_s.values():
        axis.plot(curves.at_s, lag, color=_FIRST, linewidth=0.9, alpha=0.55)
    axis.set_ylim(bottom=0)


def _themed(svg: str, *, narrow: bool) -> str:
    """Leave colours to the page, ids unique on it, and no header of a document of its own."""
    element = svg[svg.index("<svg") :]
    prefix = "n" if narrow else "w"
    element = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', element)
    element = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", element)
    element = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{prefix}-\1"', element)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    for color, role in ROLES.items():
        element = element.replace(color, f"var({role})")
    element = re.sub(r"font: ([^;\"]*?)'[^;\"]*", r"font: \1sans-serif", element)
    label = "Timeline of the run: in-sync replicas, latency, throughput and lag"
    return element.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
