"""Endpoints of a Service's port, as its EndpointSlices say."""

from app.operator.cluster.upstream_endpoints import endpoints_of
from app.operator.routes.objects.services import EndpointSlice, Service
from app.operator.routes.world import read_object


def service(*ports, **spec):
    body = {"metadata": {"namespace": "shop", "name": "orders"}, "spec": {"ports": list(ports), **spec}}
    made = read_object("Service", body)
    assert isinstance(made, Service)
    return made


def slice_of(*endpoints, family="IPv4", ports=({"port": 8080},)):
    body = {
        "metadata": {"namespace": "shop", "name": "orders-1"},
        "addressType": family,
        "endpoints": list(endpoints),
        "ports": list(ports),
    }
    made = read_object("EndpointSlice", body)
    assert isinstance(made, EndpointSlice)
    return made


def endpoint(address, **conditions):
    return {"addresses": [address], "conditions": conditions}


PLAIN = service({"port": 80})


def test_the_port_is_that_of_the_slice_by_its_name():
    named = service({"port": 80, "name": "http"}, {"port": 90, "name": "admin"})
    ports = ({"name": "http", "port": 8080}, {"name": "admin", "port": 9090})
    slices = [slice_of(endpoint("10.0.0.2", ready=True), endpoint("10.0.0.1", ready=True), ports=ports)]
    assert endpoints_of(named, 80, slices) == (("10.0.0.1", 8080), ("10.0.0.2", 8080))
    assert endpoints_of(named, 90, slices) == (("10.0.0.1", 9090), ("10.0.0.2", 9090))


def test_a_port_that_the_service_does_not_have_has_none():
    assert endpoints_of(PLAIN, 81, [slice_of(endpoint("10.0.0.1"))]) == ()


def test_only_ready_ones_get_requests():
    slices = [
        slice_of(
            endpoint("10.0.0.1", ready=True),
            endpoint("10.0.0.2", ready=False),
            endpoint("10.0.0.3", ready=False, serving=True, terminating=True),
        )
    ]
    assert endpoints_of(PLAIN, 80, slices) == (("10.0.0.1", 8080),)


def test_where_none_is_ready_those_that_still_serve_go_on():
    slices = [
        slice_of(
            endpoint("10.0.0.2", ready=False),
            endpoint("10.0.0.3", ready=False, serving=True, terminating=True),
        )
    ]
    assert endpoints_of(PLAIN, 80, slices) == (("10.0.0.3", 8080),)


def test_a_slice_that_is_empty_or_of_names_adds_nothing():
    slices = [
        slice_of(endpoint("10.0.0.1")),
        slice_of(family="IPv6"),
        slice_of(endpoint("a.example"), family="FQDN"),
    ]
    assert endpoints_of(PLAIN, 80, slices) == (("10.0.0.1", 8080),)


def test_of_two_families_the_services_first_one_counts():
    slices = [slice_of(endpoint("10.0.0.1")), slice_of(endpoint("fd00::1"), family="IPv6")]
    assert endpoints_of(PLAIN, 80, slices) == (("10.0.0.1", 8080),)
    six = service({"port": 80}, clusterIPs=["fd00:1::1", "10.96.0.1"])
    assert endpoints_of(six, 80, slices) == (("fd00::1", 8080),)
    assert endpoints_of(six, 80, slices[:1]) == (("10.0.0.1", 8080),)


def test_a_slice_for_all_ports_takes_the_services_target():
    slices = [slice_of(endpoint("10.0.0.1"), ports=({"port": None},))]
    assert endpoints_of(service({"port": 80, "targetPort": 8081}), 80, slices) == (("10.0.0.1", 8081),)
    assert endpoints_of(service({"port": 80, "targetPort": "web"}), 80, slices) == (("10.0.0.1", 80),)


def test_another_protocol_is_none_of_ours():
    slices = [slice_of(endpoint("10.0.0.1"), ports=({"port": 53, "protocol": "UDP"},))]
    assert endpoints_of(PLAIN, 80, slices) == ()
