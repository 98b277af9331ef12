"""Endpoints of upstreams: failures at all workers stand in one row, one ejection and one check count for all.

The parent keeps the states (`EndpointOwner`), a worker's copies follow them (`EndpointFollower`). A failure is
reported at once, with the parent's reply every copy has the gateway's row; a response that ends a row is reported once.
"""

from collections.abc import Callable, Iterable, Mapping

from app.dataplane.upstream.outlier import EndpointState, record_failure, record_success
from app.dataplane.upstream.pool import ConnectionPool
from app.dataplane.upstream.upstream import Upstream
from app.gateway.link.message import Json

__all__ = ["EndpointFollower", "EndpointOwner"]

Upstreams = Callable[[], Mapping[str, Upstream]]


class EndpointFollower:
    """A worker's side. `send_now` is called when something must go with the turn of the loop."""

    def __init__(self, send_now: Callable[[], None]) -> None:
        self._send_now = send_now
        self._upstreams: dict[str, Upstream] = {}
        self._failures: list[tuple[str, str]] = []
        self._in_row: dict[tuple[str, str], EndpointState] = {}
        self._checks: Mapping[str, Mapping[str, Json]] = {}

    def follow(self, upstreams: Mapping[str, Upstream]) -> None:
        """These are in force; those of before are forgotten."""
        self._upstreams = dict(upstreams)
        for upstream in upstreams.values():
            upstream.on_failure = self._failed

    @property
    def is_watching(self) -> bool:
        """Whether a response would have to be reported within 20 ms."""
        return bool(self._in_row)

    def take(self) -> Json | None:
        """[failures, endpoints that responded since they failed], each as (upstream, address); None for neither."""
        failures, self._failures = self._failures, []
        responded = [name for name, state in self._in_row.items() if not state.consecutive_failures]
        for name in responded:
            del self._in_row[name]
        return [failures, responded] if failures or responded else None

    def take_rows(self, rows: Json) -> None:
        """How endpoints stand at the parent: (upstream, address, failures in a row, ejected until, how often)."""
        for name, label, failures, ejected_until_s, times in rows:
            state = self._state(name, label)
            if state is None or ((name, label) in self._in_row and not state.consecutive_failures):
                continue  # it responded meanwhile, which the parent is about to hear
            state.consecutive_failures, state.times_ejected = failures, times
            if ejected_until_s is not None:
                state.ejected_until_s = ejected_until_s
            if failures:
                self._in_row[name, label] = state
            else:
                self._in_row.pop((name, label), None)

    def take_checks(self, checks: Json) -> None:
        """Verdicts of the parent's checks: (check_ok, checked) by upstream and address."""
        self._checks = checks
        self.apply_checks()

    def apply_checks(self) -> None:
        """To be called every second: addresses may be new."""
        for name, verdicts in self._checks.items():
            upstream = self._upstreams.get(name)
            for pool in upstream.addresses if upstream is not None else ():
                if pool.label in verdicts:
                    pool.state.check_ok, pool.state.checked = verdicts[pool.label]

    def gauges(self) -> Json:
        """(upstream, address, attempts in flight, whether it ever responded well) of those that were used."""
        return [
            (upstream.name, pool.label, pool.state.in_flight, pool.state.responded_well)
            for upstream in self._upstreams.values()
            for pool in upstream.addresses
            if pool.state.in_flight or pool.state.responded_well
        ]

    def _failed(self, upstream: Upstream, pool: ConnectionPool) -> None:
        self._failures.append((upstream.name, pool.label))
        self._in_row[upstream.name, pool.label] = pool.state
        self._send_now()

    def _state(self, name: str, label: str) -> EndpointState | None:
        upstream = self._upstreams.get(name)
        return _state(upstream, label) if upstream is not None else None


class EndpointOwner:
    """The parent's side; `upstreams`: those in force, which serve nobody here."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._checks: Json = {}

    def on_report(self, report: Json, now_s: float) -> Json:
        """Take a worker's report; returns the rows that all workers must know."""
        failures, responded = report
        rows = []
        for name, label in failures:
            upstream = self._upstreams().get(name)
            state = _state(upstream, label) if upstream is not None else None
            if upstream is not None and state is not None:
                record_failure(state, upstream.states, now_s)
                rows.append(_row(name, label, state))
        for name, label in responded:
            upstream = self._upstreams().get(name)
            state = _state(upstream, label) if upstream is not None else None
            if state is not None:
                record_success(state, now_s)
                rows.append(_row(name, label, state))
        return rows

    def rows(self) -> Json:
        """Of all endpoints that failed last, or are or were ejected: for a new worker."""
        return [
            _row(name, pool.label, pool.state)
            for name, upstream in self._upstreams().items()
            for pool in upstream.addresses
            if pool.state.consecutive_failures or pool.state.times_ejected
        ]

    def checks(self) -> Json:
        """Verdicts of all active checks."""
        return {
            name: {pool.label: (pool.state.check_ok, pool.state.checked) for pool in upstream.addresses}
            for name, upstream in self._upstreams().items()
            if upstream.model.health_check is not None
        }

    def changed_checks(self) -> Json | None:
        """All verdicts where any is another than at the last call."""
        checks = self.checks()
        if checks == self._checks:
            return None
        self._checks = checks
        return checks

    def show(self, gauges: Iterable[Json]) -> None:
        """What workers have in flight now, so that people see it. `gauges`: of each worker."""
        in_flight: dict[tuple[str, str], int] = {}
        responded: set[tuple[str, str]] = set()
        for name, label, number, has_responded in (each for one in gauges for each in one):
            in_flight[name, label] = in_flight.get((name, label), 0) + number
            if has_responded:
                responded.add((name, label))
        for name, upstream in self._upstreams().items():
            for pool in upstream.addresses:
                pool.state.in_flight = in_flight.get((name, pool.label), 0)
                pool.state.responded_well |= (name, pool.label) in responded


def _state(upstream: Upstream, label: str) -> EndpointState | None:
    for pool in upstream.addresses:
        if pool.label == label:
            return pool.state
    return None


def _row(name: str, label: str, state: EndpointState) -> Json:
    """JSON knows no infinity, which is the instant of one that was never ejected."""
    ejected_until_s = state.ejected_until_s if state.times_ejected else None
    return (name, label, state.consecutive_failures, ejected_until_s, state.times_ejected)
