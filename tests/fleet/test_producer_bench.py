"""The producers' benchmark reads what Kafka's perf-test says, and its table is whole."""

import json
import random
import zlib

from bench.producer_profiles import Row, medians, parsed, table, values

SAID = """\
50000 records sent, 9876.5 records/sec (9.42 MB/sec), 812.0 ms avg latency, 1210.0 ms max latency.
100000 records sent, 21213.4 records/sec (20.2 MB/sec), 640.12 ms avg latency, \
1300.00 ms max latency, 655 ms 50th, 900 ms 95th, 1100 ms 99th, 1200 ms 99.9th.
"""


def test_the_perf_tests_last_line_is_read() -> None:
    """Its rate and two of its percentiles, and not those of the lines before."""
    assert parsed(SAID) == Row("", 21213.4, 655.0, 1100.0, 0.0)


def test_the_table_compares_with_no_batching() -> None:
    """Each row by its medians."""
    rows = [Row("no batching", rate, 1, 2, 1.0) for rate in (90.0, 100.0, 300.0)]
    lines = table([Row("`throughput`", 1250.0, 30, 90, 4.2), medians(rows)]).splitlines()
    assert lines[2] == "| `throughput` | 1,250 | 12.5x | 30 | 90 | 4.2x |"
    assert lines[3] == "| no batching | 100 | 1.0x | 1 | 2 | 1.0x |"


def test_records_are_json_of_about_a_kilobyte() -> None:
    """One alone is compressible as events are."""
    made = values(random.Random(1))
    sizes = [len(value) for value in made]
    assert 900 < sum(sizes) / len(sizes) < 1300
    assert json.loads(made[0])["items"]
    assert len(zlib.compress(b"".join(made[:50]))) < 0.4 * sum(sizes[:50])
