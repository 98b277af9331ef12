from app.operator.routes.objects.ingress import IngressPath, IngressRule, IngressTls, IngressUpstream
from app.operator.routes.objects.references import ObjectRef
from tests.app.operator.routes.manifests import value

DEFAULT = "ingressclass.kubernetes.io/is-default-class"


def test_a_class_may_be_the_default():
    assert not value("IngressClass", "controller: tidegate.dev/gateway-controller").is_default
    default = value("IngressClass", "controller: x", {"annotations": {DEFAULT: "true"}})
    assert (default.controller, default.is_default) == ("x", True)


def test_the_class_may_stand_in_the_annotation_of_old():
    assert value("Ingress", "{}").class_name is None
    assert value("Ingress", "{}", {"annotations": {"kubernetes.io/ingress.class": "old"}}).class_name == "old"


def test_all_fields_of_an_ingress_are_read():
    ingress = value(
        "Ingress",
        """
        ingressClassName: tidegate
        defaultBackend: {resource: {apiGroup: a, kind: B, name: c}}
        tls: [{hosts: [a.example.com], secretName: cert}, {hosts: [b.example.com]}]
        rules:
          - host: a.example.com
            http:
              paths:
                - {path: /a, pathType: Prefix, backend: {service: {name: orders, port: {number: 80}}}}
                - {pathType: Exact, backend: {service: {name: orders, port: {name: http}}}}
          - {}
        """,
    )
    assert ingress.class_name == "tidegate"
    assert ingress.default_upstream == IngressUpstream(None, None, None, ObjectRef("a", "B", "c"))
    assert ingress.tls == (IngressTls(("a.example.com",), "cert"), IngressTls(("b.example.com",), None))
    assert ingress.rules == (
        IngressRule(
            "a.example.com",
            (
                IngressPath("Prefix", "/a", IngressUpstream("orders", 80, None, None)),
                IngressPath("Exact", "/", IngressUpstream("orders", None, "http", None)),
            ),
        ),
        IngressRule(None, ()),
    )
    assert ingress.unknown == ()
