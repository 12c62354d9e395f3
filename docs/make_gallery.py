"""Write the table of docs/gallery.md from benchmarks/results/gallery.json: `python -m docs.make_gallery`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docs.make_performance import result, table

PAGE = Path(__file__).with_name("gallery.md")
BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)
COLUMNS = (
    "system",
    ">people",
    ">enrolled a second",
    ">a CPU second",
    ">disk, MB",
    ">opens in, s",
    ">p50, ms",
    ">p99, ms",
    ">CPU, ms",
    ">memory, MB",
    ">agreement, mates",
    ">strangers",
    ">load",
)


def gallery_page() -> str:
    """The page with the table as the committed result has it."""
    found: dict[str, Any] = result("gallery")
    left_out = "".join(f" {name}: left out, {reason}." for name, reason in found["left_out"].items())
    text = (
        f"`{found['command']}`, {found['machine']['processor']}, {found['machine']['cores']} cores, "
        f"{found['date']}, load {found['load_before']} at the start.{left_out}{_earlier(found)}\n\n"
        + table(COLUMNS, [_row(row) for row in found["rows"]])
        + "\n"
    )
    return BETWEEN.sub(lambda _: text, PAGE.read_text(encoding="utf-8"))


def _earlier(found: dict[str, Any]) -> str:
    runs = found.get("earlier_runs", [])
    said = ", ".join(f"`{run['command']}` ({run['date']}, load {run['load_before']})" for run in runs)
    return f" Rows that it did not measure are of {said}." if runs else ""


def _row(row: dict[str, Any]) -> list[object]:
    mates = min(value for name, value in row.items() if name.startswith("agreement, mate"))
    disk = "on the server" if row["system"].endswith("PostgreSQL") else row["disk_mb"]
    return [
        row["system"],
        f"{row['people']:,}",
        f"{row['enrol_per_second']:,}",
        f"{row['enrol_per_cpu_second']:,}",
        disk,
        row["open_seconds"],
        row["identify_p50_ms"],
        row["identify_p99_ms"],
        row["identify_cpu_ms"],
        row["rss_mb"],
        f"{mates:.1%}",
        f"{row['agreement, stranger']:.1%}",
        row["load"],
    ]


if __name__ == "__main__":
    PAGE.write_text(gallery_page(), encoding="utf-8")
