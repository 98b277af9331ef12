"""What a gateway says about its traffic while somebody looks at the whole fleet: `POST /v1/summary`, small and bounded.

Nobody looks most of the time, and then none is sent. Replies of the sync port carry `Tidegate-Watch: <seconds>` while
somebody does: send a summary every so many seconds, until a reply comes without it. An operator that does not know
summaries never asks; a gateway that does not know them ignores the header, and is shown as one that does not report.

The token says whose summary it is. Replies to `/v1/summary` carry `Tidegate-Settings`, the digest of the settings that
the operator holds of this gateway: they are sent with the next summary where it is another one.
Durations instead of instants, so that a clock which is wrong spoils nothing.
"""

from dataclasses import dataclass

__all__ = [
    "MOST_SETTINGS",
    "MOST_SUMMARIZED",
    "SETTINGS_HEADER",
    "SUMMARY_PATH",
    "WATCH_HEADER",
    "BreakerSummary",
    "SettingInForce",
    "Summary",
    "TrafficSummary",
]

SUMMARY_PATH = "/v1/summary"
WATCH_HEADER = "Tidegate-Watch"
SETTINGS_HEADER = "Tidegate-Settings"

MOST_SUMMARIZED = 200
"""Breakers of one summary: those that lose most, then the busiest."""
MOST_SETTINGS = 1_000


@dataclass(frozen=True, slots=True)
class TrafficSummary:
    """Requests per second over the last 10 s. `failed_per_s`: errors and time-outs of upstreams;

    `rejected_per_s`: what the gateway rejected by itself. `p99_ms`: None without requests.
    """

    rps: float = 0.0
    failed_per_s: float = 0.0
    rejected_per_s: float = 0.0
    p99_ms: float | None = None

    @property
    def lost_per_s(self) -> float:
        return self.failed_per_s + self.rejected_per_s


@dataclass(frozen=True, slots=True)
class BreakerSummary:
    """A breaker now. `not_closed_for_s`: None while closed. `is_forced`: an override holds it.

    `traffic`: `rps` counts what was sent to the upstream, without what was rejected.
    """

    name: str
    state: str
    traffic: TrafficSummary
    not_closed_for_s: float | None = None
    failed_probes: int = 0
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A stanza in force; `value`: as JSON text."""

    target: str
    stanza: str
    value: str


@dataclass(frozen=True, slots=True)
class Summary:
    """`at_wall_s`: the gateway's own clock. `sequence`: of its configuration. `omitted`: breakers that are not in it.

    `settings`: empty where the operator holds those of `settings_digest`; the digest is of all settings, also of
    those beyond MOST_SETTINGS.
    """

    at_wall_s: float
    sequence: int
    settings_digest: str
    traffic: TrafficSummary = TrafficSummary()
    breakers: tuple[BreakerSummary, ...] = ()
    omitted: int = 0
    settings: tuple[SettingInForce, ...] = ()
    is_ready: bool = True
    is_draining: bool = False
