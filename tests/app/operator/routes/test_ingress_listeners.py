from app.operator.routes.certificate_refs import CertificateRefs
from app.operator.routes.ingress_listeners import ingress_listeners, own_ingresses
from app.operator.routes.world import read_world
from tests.app.operator.routes.certificates import tls_secret
from tests.app.operator.routes.manifests import objects

CLASSES = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: tidegate}
spec: {controller: tidegate.dev/gateway-controller}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: other}
spec: {controller: other}
"""
CONTROLLER = "tidegate.dev/gateway-controller"


def ingress(name: str, spec: str, created: str = "2026-01-01T00:00:00Z") -> str:
    metadata = f"{{name: {name}, namespace: shop, creationTimestamp: '{created}'}}"
    return f"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {metadata}\nspec: {spec}"


def world(*texts: str, secrets=("cert",)):
    found = [one for text in (CLASSES, *texts) for one in objects(text)]
    return read_world([*found, *(tls_secret("shop", name) for name in secrets)])


def listeners(*texts: str):
    seen = world(*texts)
    return ingress_listeners(own_ingresses(seen, CONTROLLER), CertificateRefs(seen))


def test_only_ingresses_of_our_class_are_ours():
    seen = world(
        ingress("b", "{ingressClassName: tidegate}", "2026-02-01T00:00:00Z"),
        ingress("a", "{ingressClassName: tidegate}", "2026-03-01T00:00:00Z"),
        ingress("c", "{ingressClassName: other}"),
        ingress("d", "{}"),
    )
    assert [one.meta.name for one in own_ingresses(seen, CONTROLLER)] == ["b", "a"]


def test_an_ingress_without_class_is_ours_where_our_class_is_the_default():
    default = CLASSES.replace(
        "{name: tidegate}",
        "{name: tidegate, annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}}",
    )
    seen = read_world([*objects(default), *objects(ingress("d", "{}"))])
    assert [one.meta.name for one in own_ingresses(seen, CONTROLLER)] == ["d"]


def test_without_an_ingress_no_port_is_open():
    assert listeners() == ()


def test_every_host_is_served_in_clear():
    (plain,) = listeners(ingress("a", "{ingressClassName: tidegate}"))
    assert plain.document == {"name": "ingress/http", "port": 80, "publicPort": 80, "protocol": "http"}
    assert (plain.host, plain.pairs) == ("", {})


def test_a_host_with_a_certificate_is_served_with_tls():
    spec = "{ingressClassName: tidegate, tls: [{hosts: ['*.Example.com', a.example.com], secretName: cert}]}"
    _, wild, exact = listeners(ingress("a", spec))
    assert (wild.name, wild.host) == ("ingress/https/wildcard/example.com", "*.example.com")
    assert exact.document == {
        "name": "ingress/https/host/a.example.com",
        "port": 443,
        "publicPort": 443,
        "protocol": "https",
        "hosts": ["a.example.com"],
        "certificates": ["secret/shop/cert"],
    }
    assert list(exact.pairs) == ["secret/shop/cert"]


def test_without_hosts_those_of_the_rules_are_meant():
    spec = "{ingressClassName: tidegate, tls: [{secretName: cert}], rules: [{host: a.example}, {}]}"
    assert [one.name for one in listeners(ingress("a", spec))] == [
        "ingress/http",
        "ingress/https",
        "ingress/https/host/a.example",
    ]


def test_a_secret_that_cannot_serve_opens_nothing():
    spec = "{ingressClassName: tidegate, tls: [{hosts: [a], secretName: gone}, {hosts: [b]}]}"
    assert [one.name for one in listeners(ingress("a", spec))] == ["ingress/http"]
