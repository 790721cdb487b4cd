"""What officials ask: cases, and the health of the system."""

from typing import Any, Literal

from msgspec import Struct

from schemas.events import Outcome
from schemas.results import Status
from services.health.health_document import ChipHealth, DeviceHealth, Finding, FindingKind, PointHealth
from services.live.documents.fields import InstantUs, Revision
from services.live.documents.publication import CaseLine


class HealthReport(Struct, kw_only=True):
    """The health of an event. `chips_left_out`: how many chips that nobody wears are not listed."""

    event: str
    revision: Revision
    points: list[PointHealth]
    devices: list[DeviceHealth]
    chips: list[ChipHealth]
    chips_left_out: int
    findings: list[Finding]


class NamedFinding(Struct, kw_only=True):
    """A finding by its kind, its subject and when it began."""

    kind: FindingKind
    subject: dict[str, Any]
    since_us: InstantUs | None


class CaseGroup(Struct, kw_only=True):
    """Open cases that one finding explains; `finding` null: those that none explains."""

    finding: NamedFinding | None
    cases: list[str]


class AthleteCase(CaseLine, kw_only=True):
    """A case with its `outcome` (null while open) and its athlete; of a team's case, these are null or empty.

    `points` are those that the athlete took, `missed` the required ones that the athlete did not.
    """

    outcome: Outcome | None
    name: str | None
    status: Status | None
    points: list[str]
    missed: list[str]


class FiledProtest(Struct, kw_only=True):
    """A protest; `outcome` is null until it is decided."""

    protest: str
    race: str
    bib: str | None
    text: str
    filed_at_us: InstantUs | None
    outcome: Literal["upheld", "rejected"] | None


class CaseList(Struct, kw_only=True):
    """All cases, how many of them are open, and the open ones under what explains them; and the protests."""

    event: str
    revision: Revision
    open: int
    cases: list[AthleteCase]
    groups: list[CaseGroup]
    protests: list[FiledProtest]
