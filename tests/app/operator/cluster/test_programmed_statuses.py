"""`Programmed` follows what gateways report, and is never ahead of them."""

import asyncio
from dataclasses import replace

import pytest

from app.config.sync.messages import Applied, PortFault
from app.config.sync.newest import CertificatePem
from app.config.sync.snapshot import seal
from app.operator.clock import Clock
from app.operator.cluster.programmed_statuses import NEW_POD_S, SETTLE_S, ProgrammedStatuses
from app.operator.kube.resources import Pod
from app.operator.routes.compiled import ListenerRequirement, ObjectId, Requirement
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.feeds import new_feeds
from app.operator.sync.fleet import STALE_S, Fleet
from app.operator.sync.gateway_record import NO_CHANGE
from tests.app.operator.cluster_samples import ACCEPTED, PROGRAMMED, WEB, compiled, status
from tests.fakes.synced_gateway import SyncedGateway
from tests.fakes.waiting import until

LINEAGE = "11111111-1111-4111-8111-111111111111"
CERTIFICATE = "secret/shop/cert"


class Sink:
    """Where statuses go."""

    def __init__(self):
        self.said = {}
        self.amended = set()

    def want(self, statuses):
        self.said = dict(statuses)

    def amend(self, statuses):
        self.said |= statuses
        self.amended |= statuses.keys()


class Scene:
    """Two gateway pods that take traffic; `sequence`: of the snapshot that is served."""

    def __init__(self):
        self.now_s = 1_000.0
        clock = Clock(lambda: self.now_s, lambda: 0.0)
        self.fleet, self.served, self.feeds = Fleet(), ServedSnapshots(), new_feeds()
        self.sink = Sink()
        self.programmed = ProgrammedStatuses(
            self.fleet,
            self.served,
            self.feeds,
            self.sink,
            "tidegate",
            clock,
        )
        self.gateways = [SyncedGateway(Pod(f"uid-{name}", name, "tidegate", "edge")) for name in ("a", "b")]
        self.require(*self.gateways)
        self.serve(1)

    def require(self, *gateways):
        self.fleet.require({one.pod.uid: one.pod for one in gateways}, self.now_s)

    def serve(self, sequence):
        self.sequence = sequence
        self.served.serve(seal(LINEAGE, sequence, (), complete=True, tables={"routes": [sequence]}))

    def compile(self, generation=1, ports=(20_000,), certificates=()):
        listeners = {f"p{port}": ListenerRequirement(port, tuple(certificates)) for port in ports}
        self.take(
            statuses=(status(ACCEPTED, PROGRAMMED, generation=generation),),
            requirements={WEB: Requirement(generation, listeners)},
            certificates={name: CertificatePair(b"c", b"k") for name in certificates},
        )
        self.programmed.say()

    def take(self, **parts):
        self.programmed.take(compiled(**parts))

    def report(self, gateway, sequence=None, **parts):
        applied = Applied(LINEAGE, self.sequence if sequence is None else sequence, "0" * 64, 0.0)
        request = replace(gateway.request(0), applied=applied, **({"ports": (20_000,)} | parts))
        self.fleet.record_call(request, self.now_s)
        self.programmed.on_fleet_change(request, NO_CHANGE)
        self.programmed.fold()

    def said(self):
        """Status, reason and message of Programmed; None where nothing is said yet."""
        found = self.sink.said.get(WEB)
        if found is None:
            return None
        (one,) = [each for each in found.conditions if each.type == "Programmed"]
        return one.status, one.message

    def wait(self, seconds):
        self.now_s += seconds
        self.programmed.fold()


@pytest.fixture
async def scene():
    return Scene()


async def test_it_is_true_once_the_last_pod_applied_and_not_before(scene):
    scene.compile()
    assert scene.said() is None
    scene.report(scene.gateways[0])
    scene.wait(SETTLE_S)
    assert scene.said() == ("False", "1/2, waiting for b")
    scene.report(scene.gateways[1])
    assert scene.said() == ("True", "every ready gateway serves it")


async def test_a_change_that_arrives_everywhere_at_once_is_never_said_to_be_pending(scene):
    scene.compile()
    for gateway in scene.gateways:
        scene.report(gateway)
    assert scene.said() == ("True", "every ready gateway serves it")
    scene.serve(2)
    scene.compile(generation=2)
    assert scene.sink.said[WEB].generation == 1
    for gateway in scene.gateways:
        scene.report(gateway)
    assert scene.sink.said[WEB].generation == 2


async def test_an_older_snapshot_does_not_confirm_a_further_generation(scene):
    scene.compile()
    scene.serve(2)
    scene.compile(generation=2)
    for gateway in scene.gateways:
        scene.report(gateway, sequence=1)
    scene.wait(SETTLE_S)
    assert scene.said() == ("False", "0/2, waiting for a, b")


async def test_a_later_snapshot_asks_nothing_more_of_what_did_not_change(scene):
    scene.compile()
    for gateway in scene.gateways:
        scene.report(gateway)
    scene.serve(2)
    scene.compile()
    assert scene.said() == ("True", "every ready gateway serves it")


async def test_ports_must_be_bound(scene):
    scene.compile(ports=(20_000,))
    scene.report(scene.gateways[0], ports=(20_000,))
    scene.report(scene.gateways[1], ports=(), port_faults=(PortFault(20_000, "address in use"),))
    scene.wait(SETTLE_S)
    assert scene.said() == ("False", "b cannot serve port 20000: address in use")
    scene.report(scene.gateways[1], ports=(20_000, 20_001))
    assert scene.said() == ("True", "every ready gateway serves it")


async def test_certificates_must_be_held(scene):
    certificates = scene.feeds.certificates
    certificates.replace({CERTIFICATE: CertificatePem("c", "k")})
    scene.compile(certificates=(CERTIFICATE,))
    scene.report(scene.gateways[0], certificates=certificates.held)
    scene.report(scene.gateways[1])
    scene.wait(SETTLE_S)
    assert scene.said() == ("False", "1/2, waiting for b")
    scene.report(scene.gateways[1], certificates=certificates.held)
    assert scene.said() == ("True", "every ready gateway serves it")


async def test_a_pod_that_has_just_begun_to_take_traffic_has_a_while(scene):
    scene.compile()
    for gateway in scene.gateways:
        scene.report(gateway)
    scene.now_s += NEW_POD_S
    scene.require(*scene.gateways, SyncedGateway(Pod("uid-c", "c", "tidegate", "edge")))
    scene.programmed.fold()
    assert scene.said() == ("True", "every ready gateway serves it")
    scene.wait(NEW_POD_S)
    assert scene.said() == ("False", "2/3, waiting for c")


async def test_a_silent_pod_confirms_nothing(scene):
    scene.compile()
    for gateway in scene.gateways:
        scene.report(gateway)
    scene.now_s += STALE_S + 1
    scene.report(scene.gateways[0])
    assert scene.said() == ("False", "1/2, waiting for b")


async def test_what_needs_no_gateway_is_said_at_once(scene):
    scene.take(statuses=(status(ACCEPTED),))
    scene.programmed.say()
    assert scene.sink.said == {WEB: status(ACCEPTED)}


async def test_what_a_gateway_reports_is_about_those_alone_that_hang_on_the_fleet(scene):
    route = ObjectId("HTTPRoute", ObjectKey("shop", "web"))
    requirement = Requirement(1, {"p": ListenerRequirement(20_000, ())})
    scene.take(
        statuses=(status(ACCEPTED, PROGRAMMED), status(ACCEPTED, id_=route)),
        requirements={WEB: requirement},
    )
    scene.programmed.say()
    assert scene.sink.said.keys() == {route}
    for gateway in scene.gateways:
        scene.report(gateway)
    assert scene.sink.said.keys() == {WEB, route}
    assert scene.sink.amended == {WEB}


async def test_who_moves_to_another_port_takes_back_nothing_before_the_statuses_are_handed_on(scene):
    scene.compile()
    for gateway in scene.gateways:
        scene.report(gateway)
    scene.serve(2)
    moved = {"p20001": ListenerRequirement(20_001, ())}
    scene.take(
        statuses=(status(ACCEPTED, PROGRAMMED, generation=2),), requirements={WEB: Requirement(2, moved)}
    )
    scene.report(scene.gateways[0], ports=(20_001,))
    assert (scene.sink.said[WEB].generation, scene.said()) == (1, ("True", "every ready gateway serves it"))
    scene.report(scene.gateways[1], ports=(20_001,))
    assert (scene.sink.said[WEB].generation, scene.said()) == (2, ("True", "every ready gateway serves it"))
    scene.programmed.say()
    assert scene.sink.said[WEB].generation == 2


async def test_nothing_is_said_before_anything_was_compiled(scene):
    scene.programmed.say()
    scene.wait(1.0)
    assert scene.sink.said == {}


async def test_it_folds_by_itself_once_a_gateway_reports(scene):
    scene.compile()
    task = asyncio.ensure_future(scene.programmed.run())
    for gateway in scene.gateways:
        applied = Applied(LINEAGE, 1, "0" * 64, 0.0)
        request = replace(gateway.request(0), applied=applied, ports=(20_000,))
        scene.fleet.record_call(request, scene.now_s)
        scene.programmed.on_fleet_change(request, NO_CHANGE)
    await until(lambda: scene.said() is not None, "the status")
    assert scene.said() == ("True", "every ready gateway serves it")
    task.cancel()
    await asyncio.wait({task})
