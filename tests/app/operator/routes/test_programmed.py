from app.operator.routes.compiled import (
    Compiled,
    ListenerRequirement,
    ListenerStatus,
    ObjectId,
    ObjectStatus,
    Requirement,
    condition,
)
from app.operator.routes.gateway_statuses import PENDING
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.programmed import FleetFacts, PodFacts, programmed

ID = ObjectId("Gateway", ObjectKey("shop", "web"))
OTHER = ObjectId("GatewayClass", ObjectKey("", "tidegate"))
BAD = condition("Programmed", False, "Invalid", "bad")


def compiled() -> Compiled:
    listeners = (ListenerStatus("http", 0, (), (PENDING,)), ListenerStatus("bad", 0, (), (BAD,)))
    status = ObjectStatus(
        ID, "u", 3, conditions=(condition("Accepted", True, "Accepted", ""), PENDING), listeners=listeners
    )
    requirement = Requirement(3, {"http": ListenerRequirement(20_000, ("secret/shop/cert",))})
    return Compiled({}, {}, {ID: status, OTHER: ObjectStatus(OTHER, "c", 1)}, {}, {ID: requirement}, {})


def pod(name="a", sequence=7, ports=frozenset({20_000}), certificates=4, **faults) -> PodFacts:
    return PodFacts(name, sequence, ports, faults.get("port_faults"), certificates)


def said(*pods: PodFacts, sequence: int | None = 7, version: int | None = 4):
    facts = FleetFacts(
        pods,
        {} if sequence is None else {ID: sequence},
        {} if version is None else {"secret/shop/cert": version},
    )
    status = programmed(compiled(), facts)[ID]
    _, whole = status.conditions or ()
    http, bad = status.listeners or ()
    assert http.conditions == (whole,)
    assert bad.conditions == (BAD,)
    return whole.status, whole.reason, whole.message


def test_it_is_true_when_every_ready_pod_has_all_of_it():
    assert said(pod("a"), pod("b", sequence=8, certificates=5)) == (
        "True",
        "Programmed",
        "every ready gateway serves it",
    )


def test_a_message_counts_who_is_waited_for():
    behind = [pod("b", sequence=6), pod("c", ports=frozenset()), pod("d", certificates=3)]
    assert said(pod("a"), behind[0]) == ("False", "Pending", "1/2, waiting for b")
    assert said(pod("a"), *behind)[2] == "1/4, waiting for b, c, d"
    assert said(pod("a"), PodFacts("e"), *behind)[2] == "1/5, waiting for b, c, d and 1 more"


def test_what_was_not_published_nobody_can_have():
    assert said(pod("a"), sequence=None)[2] == "0/1, waiting for a"
    assert said(pod("a"), version=None)[2] == "0/1, waiting for a"


def test_without_a_ready_gateway_nothing_is_programmed():
    assert said() == ("False", "Pending", "no gateway is ready")


def test_a_port_that_cannot_be_bound_is_named():
    faulty = pod("b", port_faults={20_000: "address already in use"})
    assert said(pod("a"), faulty) == (
        "False",
        "NoResources",
        "b cannot serve port 20000: address already in use",
    )


def test_what_the_objects_decided_alone_is_not_decided_again():
    facts = FleetFacts((pod(),), {ID: 1}, {})
    assert programmed(compiled(), facts).keys() == {ID}
