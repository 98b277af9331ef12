from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.services import Endpoint, ServicePort, SlicePort
from tests.app.operator.routes.manifests import value


def test_a_service_with_one_port():
    service = value("Service", "{selector: {a: b}, clusterIP: 10.96.0.7, ports: [{port: 80}]}")
    assert service.ports == (ServicePort("", 80, "TCP", 80, None),)
    assert (service.type, service.has_selector, service.cluster_ips) == ("ClusterIP", True, ("10.96.0.7",))


def test_a_headless_service_has_no_address_and_a_named_target_port():
    service = value(
        "Service",
        """
        type: LoadBalancer
        clusterIP: None
        clusterIPs: [None]
        ports: [{name: h2, port: 80, targetPort: http, protocol: TCP, appProtocol: kubernetes.io/h2c}]
        """,
        top="status: {loadBalancer: {ingress: [{ip: 192.0.2.1}, {hostname: lb.example}]}}",
    )
    assert service.ports == (ServicePort("h2", 80, "TCP", "http", "kubernetes.io/h2c"),)
    assert (service.has_selector, service.cluster_ips) == (False, ())
    assert (service.balancer_ips, service.balancer_hostnames) == (("192.0.2.1",), ("lb.example",))


def test_the_name_outside_of_an_external_service():
    assert value("Service", "{type: ExternalName, externalName: a.example}").external_name == "a.example"


def test_what_an_endpoint_does_not_say_is_ready_and_not_terminating():
    made = value(
        "EndpointSlice",
        metadata={"labels": {"kubernetes.io/service-name": "orders"}},
        top="""
        addressType: IPv4
        ports: [{name: http, port: 8080}, {name: udp, protocol: UDP}]
        endpoints:
          - {addresses: [10.0.0.1], targetRef: {kind: Pod, uid: u1}}
          - addresses: [10.0.0.2]
            conditions: {ready: false, serving: true, terminating: true}
            targetRef: {kind: Node, uid: u2}
          - {addresses: [10.0.0.3], conditions: {ready: false}}
        """,
    )
    assert (made.service, made.address_type) == (ObjectKey("shop", "orders"), "IPv4")
    assert made.ports == (SlicePort("http", 8080, "TCP"), SlicePort("udp", None, "UDP"))
    assert made.endpoints == (
        Endpoint(("10.0.0.1",), True, True, False, "u1"),
        Endpoint(("10.0.0.2",), False, True, True, ""),
        Endpoint(("10.0.0.3",), False, False, False, ""),
    )


def test_a_slice_without_the_label_is_nobodys():
    assert value("EndpointSlice", top="{addressType: IPv6, ports: null, endpoints: null}").service is None


def test_a_namespace_has_labels():
    assert value("Namespace", metadata={"namespace": "", "labels": {"a": "b"}}).meta.labels == {"a": "b"}
