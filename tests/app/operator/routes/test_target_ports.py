from app.operator.routes.compiled import OWNED_LABEL
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.target_ports import FIRST_PORT, LAST_PORT, target_ports
from app.operator.routes.world import ListenerPort
from tests.app.operator.routes.manifests import value

A, B = ObjectKey("shop", "a"), ObjectKey("shop", "b")
SERVICE_A, SERVICE_B = ObjectKey("shop", "tidegate-a"), ObjectKey("shop", "tidegate-b")


def service(labels, *ports):
    listed = ", ".join(f"{{port: {port}, targetPort: {target}}}" for port, target in ports)
    return value("Service", f"ports: [{listed}]", {"labels": labels})


OURS = {OWNED_LABEL: "tidegate"}


def test_new_ports_are_the_lowest_that_are_free():
    wanted = [
        (ListenerPort(A, 80), SERVICE_A),
        (ListenerPort(A, 443), SERVICE_A),
        (ListenerPort(B, 80), SERVICE_B),
    ]
    assert target_ports(wanted, {}, {}) == {
        ListenerPort(A, 80): FIRST_PORT,
        ListenerPort(A, 443): FIRST_PORT + 1,
        ListenerPort(B, 80): FIRST_PORT + 2,
    }


def test_a_port_stays_what_it_was():
    wanted = [(ListenerPort(A, 80), SERVICE_A), (ListenerPort(B, 80), SERVICE_B)]
    last = {ListenerPort(B, 80): FIRST_PORT}
    assert target_ports(wanted, last, {}) == {
        ListenerPort(A, 80): FIRST_PORT + 1,
        ListenerPort(B, 80): FIRST_PORT,
    }


def test_after_a_start_the_services_say_it():
    services = {SERVICE_B: service(OURS, (80, FIRST_PORT), (443, FIRST_PORT + 1))}
    wanted = [(ListenerPort(A, 80), SERVICE_A), (ListenerPort(B, 80), SERVICE_B)]
    # 443 of B is wanted no more, but its Service still leads there
    assert target_ports(wanted, {}, services) == {
        ListenerPort(A, 80): FIRST_PORT + 2,
        ListenerPort(B, 80): FIRST_PORT,
    }


def test_a_service_of_somebody_else_says_nothing():
    services = {
        SERVICE_A: service({}, (80, FIRST_PORT + 7)),
        SERVICE_B: service(OURS, (80, 8080), (81, "http")),
    }
    wanted = [(ListenerPort(A, 80), SERVICE_A), (ListenerPort(B, 80), SERVICE_B)]
    assert target_ports(wanted, {}, services) == {
        ListenerPort(A, 80): FIRST_PORT,
        ListenerPort(B, 80): FIRST_PORT + 1,
    }


def test_one_port_never_goes_to_two_gateways():
    wanted = [(ListenerPort(A, 80), SERVICE_A), (ListenerPort(B, 80), SERVICE_B)]
    services = {SERVICE_A: service(OURS, (80, FIRST_PORT)), SERVICE_B: service(OURS, (80, FIRST_PORT))}
    assert target_ports(wanted, {}, services) == {
        ListenerPort(A, 80): FIRST_PORT,
        ListenerPort(B, 80): FIRST_PORT + 1,
    }


def test_without_a_free_port_there_is_none():
    last = {ListenerPort(ObjectKey("x", str(port)), 80): port for port in range(FIRST_PORT, LAST_PORT + 1)}
    wanted = [(one, ObjectKey("x", "s")) for one in last] + [(ListenerPort(A, 80), SERVICE_A)]
    assert target_ports(wanted, last, {}) == last
