import asyncio

from app.config.sync.snapshot import PolicyEntry, pack, seal
from app.config.sync.summary import Summary
from app.gateway.certificates import Certificates
from app.gateway.control_plane import ControlPlane
from app.gateway.deliveries import Deliveries
from app.gateway.sync_report import ListenersNow, SyncReport
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.waiting import until

LINEAGE = "00000000-0000-4000-8000-000000000001"


def snapshot(sequence: int = 1):
    spec = {"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": "7s"}}
    return seal(LINEAGE, sequence, (PolicyEntry("shop", "p", "uid", 1, spec),), complete=True)


async def summary_of(_digest_held: str) -> Summary:
    return Summary(1.0, 1, "d")


class Plane:
    def __init__(self, tmp_path, **environment) -> None:
        self.mounted = tmp_path / "snapshot.json.gz"
        named = {"POD_NAMESPACE": "shop", "SNAPSHOT_FILE": str(self.mounted), **environment}
        self.parts = parts = GatewayParts(tmp_path, **named)
        self.report = SyncReport(
            parts.settings,
            parts.snapshots,
            parts.breakers,
            lambda: parts.context.plans.table,
            lambda: None,
            ListenersNow,
        )
        self.deliveries = Deliveries(parts.discovered, Certificates(), None)
        self.plane = ControlPlane(
            parts.settings,
            parts.reloads,
            parts.snapshots,
            self.report,
            self.deliveries,
            parts.counts,
            summary_of,
        )
        parts.breakers.subscribe(self.plane.moved)

    @property
    def applied(self) -> int:
        applied = self.parts.snapshots.applied
        return applied.sequence if applied is not None else 0

    @property
    def request_timeout_s(self) -> float:
        return self.parts.context.plans.table.routes[0].timeout.value.request_s


async def test_a_mounted_snapshot_is_taken_over_and_a_later_one_after_it(tmp_path):
    at = Plane(tmp_path)
    at.mounted.write_bytes(pack(snapshot()))
    running = asyncio.ensure_future(at.plane.run())
    await until(lambda: at.request_timeout_s == 7.0, "the snapshot")
    assert at.parts.snapshots.source == "configmap"
    assert at.plane.waiting() is None
    at.mounted.write_bytes(pack(snapshot(2)))
    await until(lambda: at.applied == 2, "the second one")
    running.cancel()
    await at.parts.close()


async def test_a_bad_one_is_counted_logged_once_and_reported(tmp_path, caplog):
    at = Plane(tmp_path)
    bad = b'{"lineage": "%b", "sequence": 9}' % LINEAGE.encode()
    at.mounted.write_bytes(bad)
    running = asyncio.ensure_future(at.plane.run())
    await until(lambda: at.parts.counts.config_applies["rejected"] == 1, "the rejection")
    at.mounted.write_bytes(bad + b" ")
    await until(lambda: at.parts.counts.config_applies["rejected"] == 2, "the second rejection")
    assert caplog.text.count("the last good one stays") == 1
    attempt = at.report.compose(0).attempt
    assert attempt is not None
    assert attempt.sequence == 9
    running.cancel()
    await at.parts.close()


async def test_it_waits_for_a_snapshot_for_as_long_as_it_is_told_to(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("app.gateway.control_plane.now_s", lambda: now[0])
    at = Plane(tmp_path, BOOTSTRAP_GRACE="10s")
    assert at.plane.waiting() == "waiting for a snapshot, 10 s at most"
    now[0] += 10.0
    assert at.plane.waiting() is None
    wanted = Plane(tmp_path, BOOTSTRAP_REQUIRE_SNAPSHOT="true")
    assert wanted.plane.waiting() == "waiting for a snapshot"
    await at.parts.close()
    await wanted.parts.close()


async def test_it_waits_for_the_endpoints_of_the_snapshot_that_it_has(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("app.gateway.control_plane.now_s", lambda: now[0])
    at = Plane(tmp_path, BOOTSTRAP_GRACE="10s")
    at.deliveries.want({"upstreams": [{"name": "service/shop/orders/80", "discovered": True}]})
    at.parts.snapshots.held = snapshot()
    assert at.plane.waiting() == "waiting for endpoints, 10 s at most"
    now[0] += 10.0
    assert at.plane.waiting() is None
    await at.parts.close()


async def test_a_breaker_that_moves_is_reported(tmp_path):
    at = Plane(tmp_path)
    breaker = at.parts.breakers.known("cache")
    assert breaker is not None
    for _ in range(breaker.settings.consecutive_failures or 0):
        breaker.fail(breaker.admit(1.0), 1.0, "status_503")  # type: ignore[arg-type]
    assert [each.to_state for each in at.report.compose(0).transitions] == ["open"]
    await at.parts.close()
