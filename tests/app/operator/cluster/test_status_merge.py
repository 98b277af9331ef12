"""What is merged into a stored status, and what of it is never touched."""

from app.operator.cluster.status_merge import has_entries_of, merged_status, status_patch
from app.operator.kube.resources import Condition
from app.operator.routes.compiled import ListenerStatus, ObjectStatus, ParentStatus
from app.operator.routes.objects.gateways import Address
from app.operator.routes.objects.listeners import RouteKind
from app.operator.routes.objects.references import ParentRef
from tests.app.operator.cluster_samples import ACCEPTED, CONTROLLER, WEB, status

THEN = "2026-01-01T00:00:00Z"
NOW_S = 1_800_000_000.0
NOW = "2027-01-15T08:00:00Z"
GROUP = "gateway.networking.k8s.io"
HTTP = RouteKind(GROUP, "HTTPRoute")
REF = ParentRef(GROUP, "Gateway", "web")
STORED_REF = {"group": GROUP, "kind": "Gateway", "name": "web"}


def merged(stored, wanted):
    return merged_status(stored, wanted, CONTROLLER, NOW_S)


def stored_condition(kind, **more):
    return {"type": kind, "status": "True", "lastTransitionTime": THEN, **more}


def test_conditions_of_others_stay_and_parts_that_are_not_ours_too():
    stored = {"conditions": [stored_condition("example.com/Audited")], "extra": 1}
    found = merged(stored, status(ACCEPTED, generation=3))
    assert [one["type"] for one in found["conditions"]] == ["Accepted", "example.com/Audited"]
    assert found["conditions"][0] == {
        "type": "Accepted",
        "status": "True",
        "observedGeneration": 3,
        "lastTransitionTime": NOW,
        "reason": "Accepted",
        "message": "it is",
    }
    assert found["extra"] == 1


def test_what_the_api_server_put_in_for_a_new_gateway_is_ours():
    stored = {"conditions": [stored_condition("Programmed"), stored_condition("Accepted")]}
    (found,) = merged(stored, status(ACCEPTED))["conditions"]
    assert (found["type"], found["lastTransitionTime"]) == ("Accepted", THEN)


def test_a_status_that_is_said_already_gives_no_patch():
    wanted = status(ACCEPTED, listeners=(ListenerStatus("http", 1, (HTTP,), (ACCEPTED,)),))
    first = merged({}, wanted)
    assert status_patch(first, merged_status(first, wanted, CONTROLLER, NOW_S + 60)) == {}


def test_a_patch_has_what_changed_and_takes_out_what_is_over():
    assert status_patch({"a": 1, "b": 2}, {"a": 1, "c": 3}) == {"c": 3, "b": None}


def test_listeners_are_those_of_the_object_and_keep_what_others_said_of_them():
    stored = {
        "listeners": [
            {"name": "gone", "conditions": []},
            {"name": "http", "attachedRoutes": 0, "conditions": [stored_condition("example.com/Seen")]},
        ]
    }
    wanted = status(listeners=(ListenerStatus("http", 2, (HTTP,), (ACCEPTED,)),))
    (listener,) = merged(stored, wanted)["listeners"]
    assert (listener["name"], listener["attachedRoutes"]) == ("http", 2)
    assert listener["supportedKinds"] == [{"group": GROUP, "kind": "HTTPRoute"}]
    assert [one["type"] for one in listener["conditions"]] == ["Accepted", "example.com/Seen"]


def test_addresses_come_and_go():
    with_address = merged({}, status(addresses=(Address("IPAddress", "10.96.0.7"),)))
    assert with_address["addresses"] == [{"type": "IPAddress", "value": "10.96.0.7"}]
    assert "addresses" not in merged(with_address, status(addresses=()))


def test_parents_of_other_controllers_stay_and_ours_are_exactly_the_wanted():
    other = {"parentRef": STORED_REF, "controllerName": "example.com/c", "conditions": []}
    ours = {
        "parentRef": {"name": "web"},
        "controllerName": CONTROLLER,
        "conditions": [stored_condition("Accepted"), stored_condition("example.com/Seen")],
    }
    gone = {"parentRef": {"name": "old"}, "controllerName": CONTROLLER, "conditions": []}
    wanted = ObjectStatus(WEB, "u", 5, parents=(ParentStatus(REF, (ACCEPTED,)),))
    found = merged({"parents": [ours, other, gone]}, wanted)["parents"]
    assert found[0] == other
    assert len(found) == 2
    assert (found[1]["parentRef"], found[1]["controllerName"]) == (STORED_REF, CONTROLLER)
    first, second = found[1]["conditions"]
    assert (first["lastTransitionTime"], first["observedGeneration"]) == (THEN, 5)
    assert second["type"] == "example.com/Seen"


def test_a_parent_is_named_as_the_route_names_it():
    ref = ParentRef(GROUP, "Gateway", "web", "infra", "https", 8443)
    wanted = ObjectStatus(WEB, "u", 1, parents=(ParentStatus(ref, ()),))
    (found,) = merged({}, wanted)["parents"]
    assert found["parentRef"] == {**STORED_REF, "namespace": "infra", "sectionName": "https", "port": 8443}


def test_a_policy_has_at_most_sixteen_ancestors():
    refs = [ParentRef(GROUP, "Gateway", f"g{number}") for number in range(20)]
    wanted = ObjectStatus(WEB, "u", 1, ancestors=tuple(ParentStatus(ref, ()) for ref in refs))
    found = merged({}, wanted)["ancestors"]
    assert (len(found), found[0]["ancestorRef"]["name"]) == (16, "g0")


def test_a_class_lists_its_features_in_order():
    found = merged({}, status(supported_features=("Gateway", "HTTPRoute", "GRPCRoute")))
    assert [one["name"] for one in found["supportedFeatures"]] == ["GRPCRoute", "Gateway", "HTTPRoute"]


def test_an_ingress_gets_the_addresses_of_its_balancer():
    wanted = ObjectStatus(
        WEB, "u", 1, balancers=(Address("IPAddress", "10.0.0.1"), Address("Hostname", "lb.example.com"))
    )
    found = merged({}, wanted)
    assert found["loadBalancer"] == {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "lb.example.com"}]}
    assert merged(found, ObjectStatus(WEB, "u", 1, balancers=()))["loadBalancer"] == {}


def test_an_ingress_names_the_port_that_does_not_serve_it():
    address = Address("IPAddress", "10.0.0.1")
    status = ObjectStatus(
        WEB, "u", 1, balancers=(address,), port_errors=((443, "tidegate.dev/NoCertificate"),)
    )
    ports = [{"port": 443, "protocol": "TCP", "error": "tidegate.dev/NoCertificate"}]
    assert merged({}, status)["loadBalancer"] == {"ingress": [{"ip": "10.0.0.1", "ports": ports}]}


def test_listener_sets_are_counted():
    assert merged({}, status(attached_listener_sets=2))["attachedListenerSets"] == 2


def test_a_route_that_was_ours_is_known_by_its_parents():
    ours = {"parents": [{"parentRef": STORED_REF, "controllerName": CONTROLLER}]}
    assert has_entries_of(ours, CONTROLLER)
    assert not has_entries_of(ours, "example.com/c")
    assert not has_entries_of({}, CONTROLLER)


def test_a_condition_says_its_reason_as_text():
    found = merged({}, status(Condition("Accepted", "Unknown", "Pending", "")))["conditions"][0]
    assert (found["status"], found["reason"]) == ("Unknown", "Pending")
