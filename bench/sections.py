"""Tables of benchmarks, and the pages of docs/ where each stands between two marks of its own."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def table_of(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its last line ended."""
    head, *body = (f"| {' | '.join(cells)} |" for cells in (names, *rows))
    return "\n".join([head, "|" + "---|" * len(names), *body]) + "\n"


def replace_section(page: Path, name: str, text: str) -> None:
    """Put a text in the place of what stands between a section's marks.

    Raises:
        LookupError: The page has no such section.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    said = page.read_text()
    before, opened, rest = said.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise LookupError(f"{page}: no section between {begin.strip()} and {end.strip()}")
    page.write_text(f"{before}{begin}{text.strip()}\n{end}{after}")
