"""What policies in Shadow mode would have rejected, as a table: pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.cli.status.wording import words
from app.cli.tables import Section, cell

__all__ = ["shadow_sections"]


def shadow_sections(rows: Sequence[Mapping[str, Any]], more: int, since: Sequence[str]) -> list[Section]:
    """Nothing where no policy is in Shadow mode. `rows`, `more`: of `GET /v1/shadows`, or of the feed's panel.

    `since`: for each row since when is counted, "" for all of the ten minutes. A foreign shape raises Key-, Type- or
    AttributeError.
    """
    if not rows:
        return []
    title = "shadow policies, what they would have rejected in 10 min"
    return [
        Section(
            title + (f", {more} more" if more else ""),
            ("POLICY", "TARGETS", "REJECTED", "WHY", "OPENED", "SINCE"),
            tuple(_row(row, at) for row, at in zip(rows, since, strict=True)),
            spare=("SINCE", "TARGETS", "OPENED"),
            elastic=("POLICY", "TARGETS", "WHY"),
            least=1,
            rank=6,
        )
    ]


def _row(row: Mapping[str, Any], since: str) -> tuple[str, ...]:
    counts: Mapping[str, Any] = row["rejected"]
    most = sorted(counts.items(), key=lambda pair: -int(pair[1]))
    return (
        cell(row["policy"]),
        cell(", ".join(row["targets"])),
        str(sum(int(count) for count in counts.values())),
        cell(", ".join(f"{words(reason)} {count}" for reason, count in most)),
        str(int(row["opened"])),
        cell(since),
    )
