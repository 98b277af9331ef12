from app.operator.routes.objects.policies import AltName, GrantFrom, GrantTo
from app.operator.routes.objects.references import ObjectRef, TargetRef
from tests.app.operator.routes.manifests import value


def test_a_grant_may_be_for_all_objects_of_a_kind():
    grant = value(
        "ReferenceGrant",
        """
        from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}]
        to: [{group: "", kind: Secret}, {group: "", kind: Service, name: orders}]
        """,
    )
    assert grant.origins == (GrantFrom("gateway.networking.k8s.io", "Gateway", "infra"),)
    assert grant.targets == (GrantTo("", "Secret", None), GrantTo("", "Service", "orders"))


def test_all_fields_of_a_tls_policy_are_read():
    policy = value(
        "BackendTLSPolicy",
        """
        targetRefs: [{group: "", kind: Service, name: orders, sectionName: https}]
        options: {a: b}
        validation:
          hostname: orders.example.com
          caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]
          wellKnownCACertificates: System
          subjectAltNames: [{type: Hostname, hostname: a.example}, {type: URI, uri: "spiffe://a/b"}]
          more: 1
        """,
    )
    assert policy.targets == (TargetRef("", "Service", "orders", "https"),)
    assert (policy.hostname, policy.well_known) == ("orders.example.com", "System")
    assert policy.ca_refs == (ObjectRef("", "ConfigMap", "ca"),)
    assert policy.alt_names == (AltName("Hostname", "a.example"), AltName("URI", "spiffe://a/b"))
    assert (policy.options, policy.unknown) == ({"a": "b"}, ("spec.validation.more",))
