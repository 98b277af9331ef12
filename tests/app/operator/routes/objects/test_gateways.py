from app.operator.routes.objects.gateways import Address, ClientValidation, Infrastructure
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef
from tests.app.operator.routes.manifests import value


def test_a_class_names_its_controller_and_parameters():
    plain = value("GatewayClass", "controllerName: tidegate.dev/gateway-controller")
    assert (plain.controller, plain.parameters) == ("tidegate.dev/gateway-controller", None)
    given = value(
        "GatewayClass", "{controllerName: x, parametersRef: {group: a, kind: B, name: c, namespace: d}}"
    )
    assert given.parameters == ObjectRef("a", "B", "c", "d")


def test_a_gateway_without_options_has_the_apis_defaults():
    gateway = value(
        "Gateway", "{gatewayClassName: tidegate, listeners: [{name: http, port: 80, protocol: HTTP}]}"
    )
    assert gateway.class_name == "tidegate"
    assert [listener.name for listener in gateway.listeners] == ["http"]
    assert gateway.allowed_listeners.reach == "None"
    assert gateway.infrastructure == Infrastructure({}, {}, None)
    assert (gateway.addresses, gateway.client_validation, gateway.upstream_certificate) == ((), None, None)
    assert gateway.unknown == ()


def test_all_options_of_a_gateway_are_read():
    gateway = value(
        "Gateway",
        """
        gatewayClassName: tidegate
        addresses: [{value: 10.0.0.1}, {type: Hostname, value: a.example}, {type: IPAddress, value: ""}]
        allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}
        infrastructure:
          labels: {l: "1"}
          annotations: {a: "2"}
          parametersRef: {group: g, kind: K, name: n}
        tls:
          backend: {clientCertificateRef: {name: client}}
          frontend:
            default:
              validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
            perPort:
              - {port: 8443, tls: {validation: {caCertificateRefs: [], mode: AllowInsecureFallback}}}
              - {port: 9443, tls: {}}
        defaultScope: All
        """,
    )
    assert gateway.addresses == (
        Address("IPAddress", "10.0.0.1"),
        Address("Hostname", "a.example"),
        Address("IPAddress", None),
    )
    assert gateway.allowed_listeners.takes("shop", "other", {"a": "b"})
    assert gateway.infrastructure == Infrastructure({"l": "1"}, {"a": "2"}, ObjectRef("g", "K", "n"))
    assert gateway.client_validation == ClientValidation(
        (ObjectRef("", "ConfigMap", "ca"),), "AllowValidOnly"
    )
    assert gateway.port_client_validations == {
        8443: ClientValidation((), "AllowInsecureFallback"),
        9443: None,
    }
    assert gateway.upstream_certificate == ObjectRef("", "Secret", "client")
    assert gateway.unknown == ("spec.defaultScope",)


def test_a_listener_set_names_its_gateway():
    added = value(
        "ListenerSet", "{parentRef: {name: web}, listeners: [{name: a, port: 80, protocol: HTTP}], new: 1}"
    )
    assert added.parent == ObjectRef(GATEWAY_GROUP, "Gateway", "web")
    assert [listener.name for listener in added.listeners] == ["a"]
    assert added.unknown == ("spec.new",)
