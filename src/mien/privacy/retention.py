"""What must go when: consent that ran out, purposes that ended, people not seen for too long."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from mien.core.errors import InputError

DAY = 86_400
# 740 ILCS 14/15(a) (BIPA): at most three years after the last interaction.
BIPA_DAYS = 3 * 365

Reason = Literal["consent_expired", "consent_withdrawn", "not_seen"]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long a gallery keeps people.

    keep_days: days after the last interaction, or None for no limit.
    withdrawn_days: days between a withdrawal (matching stops at once) and erasure.
    require_consent: refuse to enrol anyone without a consent record.
    """

    keep_days: int | None = BIPA_DAYS
    withdrawn_days: int = 0
    require_consent: bool = False

    def __post_init__(self) -> None:
        if (self.keep_days is not None and self.keep_days < 1) or self.withdrawn_days < 0:
            raise InputError("a retention time is a positive number of days: give 1 or more")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def due(
    policy: RetentionPolicy, now: float, seen: float, expires: float | None, withdrawn: float | None
) -> Reason | None:
    """Why this person must be erased now, or None. All times are seconds since 1970.

    >>> due(RetentionPolicy(keep_days=10), now=11 * DAY, seen=0, expires=None, withdrawn=None)
    'not_seen'
    """
    if withdrawn is not None and now >= withdrawn + policy.withdrawn_days * DAY:
        return "consent_withdrawn"
    if expires is not None and now >= expires:
        return "consent_expired"
    if policy.keep_days is not None and now >= seen + policy.keep_days * DAY:
        return "not_seen"
    return None
