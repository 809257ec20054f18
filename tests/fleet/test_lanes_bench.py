"""What the lanes benchmark makes of its samples."""

import pytest

from bench.fleet_lanes import WARM_S, Cell, Plan, rate, table


def steady(
    per_s: float, begin_s: float, end_s: float, until: int | None = None
) -> list[tuple[float, int]]:
    """Samples of a contender that works at a rate until it has everything."""
    times = [begin_s + 0.02 * n for n in range(int((end_s - begin_s) / 0.02))]
    counts = [int((at - begin_s) * per_s) + 1 for at in times]
    return list(zip(times, [min(c, until or c) for c in counts], strict=True))


def test_a_rate_leaves_out_the_warm_up() -> None:
    """What is slow at first does not count."""
    slow = [(at, count // 10) for at, count in steady(1000, 0, WARM_S)]
    fast = [(at, slow[-1][1] + count) for at, count in steady(1000, WARM_S, 9)]
    assert rate([slow + fast]) == pytest.approx(1000, rel=0.02)


def test_a_topic_read_to_its_end_says_nothing_more() -> None:
    """The rate is of the time before."""
    assert rate([steady(1000, 0, 20, until=8000)]) == pytest.approx(1000, rel=0.02)


def test_processes_at_the_same_time_are_added_up_where_all_of_them_work() -> None:
    """One that begins later or ends earlier bounds the time that counts."""
    assert rate([steady(1000, 0, 9), steady(500, 1, 12)]) == pytest.approx(1500, rel=0.02)
    assert rate([]) == 0


def test_the_plain_loop_runs_once_for_all_concurrencies() -> None:
    """And stands in each of their rows."""
    cells = (Cell("wait", 1.0, 16), Cell("wait", 1.0, 256))
    plan = Plan(cells, ("sequential", "threads"), runs=2, span_s=5)
    assert [who for _, who in plan.steps()].count("sequential") == 2
    found = plan.medians({(cells[0], "sequential"): [10, 30], (cells[1], "threads"): [200.0]})
    assert found == {
        "1 ms wait, 16": {"sequential": 20},
        "1 ms wait, 256": {"sequential": 20, "threads": 200},
    }
    assert "| 1 ms wait, 256 | 20 | 200 |" in table(found)
    assert "10.0x" in table(found)
