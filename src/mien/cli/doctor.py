"""`mien doctor`: what works on this machine, why not, and how to mend it."""

from __future__ import annotations

from mien.cli import options
from mien.cli.output import emit, table

MARKS = {"ok": "ok", "note": "note", "bad": "BAD"}


def doctor(
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Check engines, models, folders and optional parts. Exit code 3 where something needed is broken."""
    from mien.cli.session import open_analyzer
    from mien.pipeline.checkup import checkup
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial)
    findings = list(checkup(config, open_analyzer(config, streams=1).networks))
    if as_json:
        emit({"findings": [finding.to_dict() for finding in findings]})
    else:
        rows = [(item.topic, MARKS[item.state], item.says, item.cure) for item in findings]
        table("", ("what", "state", "found", "cure"), rows)
    return 3 if any(item.state == "bad" for item in findings) else 0
