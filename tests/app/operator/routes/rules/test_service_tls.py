import json

import pytest

from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.rules.service_tls import ServiceTls
from app.operator.sync.certificates import make_authority
from tests.app.operator.routes.rules.samples import world_of

PEM = make_authority(1_800_000_000.0).certificate.decode()
SERVICE = ObjectKey("shop", "orders")
GATEWAY = ObjectKey("infra", "web")


def tls_of(validation, more="", sections=("https",)):
    """Policies p0, p1 … for the Service `orders`, one for each section (None: all ports)."""
    policies = "\n---\n".join(
        f"""
kind: BackendTLSPolicy
metadata: {{name: p{index}}}
spec:
  targetRefs: [{{group: "", kind: Service, name: orders{f", sectionName: {section}" if section else ""}}}]
  {more}
  validation: {validation}
"""
        for index, section in enumerate(sections)
    )
    text = f"""
{policies}
---
kind: ConfigMap
metadata: {{name: ca}}
data: {{ca.crt: {json.dumps(PEM)}}}
---
kind: Secret
metadata: {{name: ca}}
stringData: {{ca.crt: {json.dumps(PEM)}}}
---
{{kind: Service, metadata: {{name: orders}}, spec: {{ports: [{{name: https, port: 443}}]}}}}
"""
    world = world_of(text)
    return ServiceTls(world.tls_policies.values(), world.config_maps, world.secrets, world.services)


def conditions(tls, name="p0"):
    statuses = {
        each.key.name: status for each, status in tls.statuses({SERVICE: frozenset({GATEWAY})}).items()
    }
    (ancestor,) = statuses[name].ancestors
    assert (ancestor.ref.namespace, ancestor.ref.name) == ("infra", "web")
    return [(one.status, one.reason) for one in ancestor.conditions]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_a_policy_with_a_ca(kind):
    tls = tls_of(f"{{hostname: a.example, caCertificateRefs: [{{group: '', kind: {kind}, name: ca}}]}}")
    assert tls.of(SERVICE, "https").tls == {"serverName": "a.example", "ca": PEM.strip()}
    assert conditions(tls) == [("True", "Accepted"), ("True", "ResolvedRefs")]


def test_well_known_certificates_are_those_of_the_system():
    assert tls_of("{hostname: a.example, wellKnownCACertificates: System}").of(SERVICE, "https").tls == {
        "serverName": "a.example"
    }


@pytest.mark.parametrize(
    ("validation", "more", "reason", "fault"),
    [
        ("{hostname: a.example}", "", "NoValidCACertificate", "has neither caCertificateRefs nor"),
        ("{hostname: a.example, wellKnownCACertificates: Mozilla}", "", "Invalid", "it must be System"),
        (
            "{hostname: a.example, wellKnownCACertificates: System, more: 1}",
            "",
            "Invalid",
            "validation.more: is not",
        ),
        (
            "{hostname: 'a b', wellKnownCACertificates: System}",
            "",
            "Invalid",
            "spec.validation.serverName: is 'a b'",
        ),
    ],
)
def test_a_policy_that_we_cannot_hold_lets_nothing_through(validation, more, reason, fault):
    tls = tls_of(validation, more)
    verdict = tls.of(SERVICE, "https")
    assert (verdict.tls, verdict.fault_reason) == (None, reason)
    assert fault in verdict.fault
    assert conditions(tls)[0] == ("False", reason)


def test_a_port_without_a_policy_is_spoken_to_in_clear():
    tls = tls_of("{hostname: a.example, wellKnownCACertificates: System}")
    assert tls.of(SERVICE, "other") is None
    assert tls.of(ObjectKey("shop", "other"), "") is None


def test_a_policy_for_a_port_comes_before_one_for_all_and_both_are_accepted():
    tls = tls_of("{hostname: a.example, wellKnownCACertificates: System}", sections=(None, "https"))
    assert tls.of(SERVICE, "https").policy.name == "p1"
    assert tls.of(SERVICE, "other").policy.name == "p0"
    assert conditions(tls, "p0")[0] == conditions(tls, "p1")[0] == ("True", "Accepted")


def test_of_two_for_the_same_the_older_wins():
    tls = tls_of("{hostname: a.example, wellKnownCACertificates: System}", sections=(None, None))
    assert conditions(tls, "p1")[0] == ("False", "Conflicted")


def test_a_port_that_the_service_does_not_have_is_named():
    tls = tls_of("{hostname: a.example, wellKnownCACertificates: System}", sections=("gone",))
    assert conditions(tls)[0] == ("False", "TargetNotFound")


def test_without_a_route_to_the_service_there_is_no_ancestor():
    tls = tls_of("{hostname: a.example, wellKnownCACertificates: System}")
    (status,) = tls.statuses({}).values()
    assert status.ancestors == ()
