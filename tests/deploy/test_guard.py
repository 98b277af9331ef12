"""Every combination of values that cannot work is refused with a sentence that says what to change."""

import copy
from typing import Any

import pytest

from tests.deploy.render import rendered

helm = pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")

HAS_GATEWAY_API = {"apiVersionsOverride": ["gateway.networking.k8s.io/v1"]}

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "two sources of one key": (
        {"gateway": {"apiKey": {"existingSecret": "a", "value": "b"}}},
        "set one of them",
    ),
    "a keys file beside a key": (
        {"gateway": {"apiKey": {"value": "b"}, "keys": {"existingSecret": "k"}}},
        "set only gateway.keys.existingSecret",
    ),
    "a key that nobody wants": (
        {"gateway": {"auth": "none", "apiKey": {"value": "b"}}},
        "set gateway.auth to key",
    ),
    "keys in two places": (
        {"gateway": {"keys": {"existingSecret": "k"}, "config": {"keysFile": "/x"}}},
        "keep one of them",
    ),
    "nowhere to lead to": ({"cache": {"enabled": False}}, "set gateway.config.routes"),
    "nothing that brings a route, and no Gateway API to do so": (
        {"cache": {"enabled": False}},
        "this cluster does not know Gateway API (install it; a render that cannot ask the cluster",
    ),
    "no route and Gateway API turned off": (
        {"cache": {"enabled": False}, **HAS_GATEWAY_API, "gatewayAPI": {"enabled": False}},
        "gatewayAPI.enabled is false (set it to true)",
    ),
    "no route and nobody who reads those of the cluster": (
        {"cache": {"enabled": False}, **HAS_GATEWAY_API, "operator": {"enabled": False}},
        "there is no operator to read those of the cluster (set operator.enabled to true)",
    ),
    "no route by choice, and none of the cluster": (
        {"gateway": {"config": {"routes": []}}},
        "gateway.config.routes is empty, and this cluster does not know Gateway API",
    ),
    "routes of the cluster without who reads them": (
        {
            "apiVersionsOverride": ["gateway.networking.k8s.io/v1"],
            "gatewayAPI": {"enabled": True},
            "operator": {"enabled": False},
        },
        "set operator.enabled to true",
    ),
    "Gateway API that is not there": (
        {"gatewayAPI": {"enabled": True}},
        "gatewayAPI.enabled true needs the kind GatewayClass",
    ),
    "two scalers": (
        {
            "apiVersionsOverride": ["keda.sh/v1alpha1"],
            "gateway": {
                "resources": {"requests": {"cpu": "1"}},
                "hpa": {"enabled": True},
                "keda": {"enabled": True, "prometheusAddress": "http://p"},
            },
        },
        "enable one of them",
    ),
    "an HPA without a request": (
        {"gateway": {"hpa": {"enabled": True}}},
        "set gateway.resources.requests.cpu",
    ),
    "workers by a request that is not made": (
        {"gateway": {"workers": "auto"}},
        "set gateway.resources.requests.cpu, or a number of workers",
    ),
    "KEDA without Prometheus": (
        {"apiVersionsOverride": ["keda.sh/v1alpha1"], "gateway": {"keda": {"enabled": True}}},
        "set gateway.keda.prometheusAddress",
    ),
    "bounds the wrong way round": (
        {
            "gateway": {
                "hpa": {"enabled": True, "minReplicas": 5, "maxReplicas": 2},
                "resources": {"requests": {"cpu": "1"}},
            }
        },
        "raise the maximum",
    ),
    "a budget of one gateway": (
        {"gateway": {"replicas": 1, "pdb": {"enabled": True}}},
        "raise gateway.replicas to 2",
    ),
    "a budget of one cache": (
        {"cache": {"replicas": 1, "pdb": {"enabled": True}}},
        "raise cache.replicas to 2",
    ),
    "less grace than drain": (
        {"gateway": {"terminationGracePeriodSeconds": 30}},
        "gateway.terminationGracePeriodSeconds is 30, and draining takes up to 40",
    ),
    "less grace than the cache's drain": (
        {"cache": {"terminationGracePeriodSeconds": 30}},
        "cache.terminationGracePeriodSeconds is 30, and draining takes up to 40",
    ),
    "two addresses of one Redis": (
        {"valkey": {"enabled": False}, "redis": {"url": "redis://a", "existingSecret": "b"}},
        "set one of them",
    ),
    "a password for everybody to read": (
        {"valkey": {"enabled": False}, "redis": {"url": "redis://:secret@redis:6379/0"}},
        "set redis.existingSecret",
    ),
    "two sources of one password": (
        {"valkey": {"password": {"existingSecret": "a", "value": "b"}}},
        "set one of them",
    ),
    "a password that only Valkey knows": (
        {"valkey": {"extraArgs": ["--requirepass", "secret"]}},
        "set valkey.password.existingSecret instead",
    ),
    "two stores": ({"redis": {"url": "redis://a"}}, "set valkey.enabled to false"),
    "a Redis wanted and none there": (
        {"valkey": {"enabled": False}, "cache": {"requireRedis": True}},
        "set redis.url, redis.existingSecret or valkey.enabled",
    ),
    "rules for pods that reach everything": (
        {"cache": {"networkPolicy": {"egress": [{"to": [{"podSelector": {}}]}]}}},
        "set cache.networkPolicy.restrictEgress to true",
    ),
    "a certificate that is not named": (
        {"sync": {"tls": {"mode": "Secret"}}},
        "set sync.tls.secretName",
    ),
    "an issuer that is not named": (
        {"apiVersionsOverride": ["cert-manager.io/v1"], "sync": {"tls": {"mode": "CertManager"}}},
        "set sync.tls.issuerRef",
    ),
    "a certificate beside the operator's own": (
        {"sync": {"tls": {"secretName": "mine"}}},
        "set sync.tls.mode to Secret or CertManager",
    ),
    "settings of an operator that is not there": (
        {"operator": {"enabled": False}, "gateway": {"bootstrap": {"requireSnapshot": True}}},
        "set operator.enabled to true",
    ),
    "client certificates without TLS": (
        {"gateway": {"tls": {"clientCASecretName": "ca"}}},
        "set gateway.tls.secretName too",
    ),
    "two monitors": (
        {
            "apiVersionsOverride": ["monitoring.coreos.com/v1"],
            "monitoring": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}},
        },
        "enable one of them",
    ),
    "a route that attaches to nothing": (
        {
            "apiVersionsOverride": ["gateway.networking.k8s.io/v1"],
            "gateway": {"httpRoute": {"enabled": True}},
        },
        "set gateway.httpRoute.parentRefs",
    ),
    "an image that is too old": (
        {"gateway": {"image": {"tag": "0.0.9"}}},
        "gateway.image.tag 0.0.9 is older than this chart supports: use 0.1.0 or newer",
    ),
    "a kind the cluster lacks": (
        {"monitoring": {"serviceMonitor": {"enabled": True}}},
        "add monitoring.coreos.com/v1 to apiVersionsOverride",
    ),
    "cert-manager that the cluster lacks": (
        {"sync": {"tls": {"mode": "CertManager", "issuerRef": {"name": "ca"}}}},
        "add cert-manager.io/v1 to apiVersionsOverride",
    ),
}


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(helm.HelmError) as refused:
        rendered(copy.deepcopy(values))
    return str(refused.value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_cannot_work_is_refused_with_its_cure(case):
    values, cure = CASES[case]
    assert cure in refusal(values)


def test_all_faults_are_told_at_once():
    both = {"redis": {"url": "redis://a"}, "cache": {"enabled": False}}
    told = refusal(both)
    assert "valkey.enabled to false" in told
    assert "gateway.config.routes" in told


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"gateway": {"replcas": 2}}, "replcas"),
        ({"gateway": {"replicas": "two"}}, "replicas"),
        ({"gateway": {"rateLimit": "100/m"}}, "rateLimit"),
        ({"gateway": {"rateLimit": "0-M"}}, "rateLimit"),
        ({"gateway": {"auth": "basic"}}, "auth"),
        ({"gateway": {"image": {"digest": "sha256:abc"}}}, "digest"),
        ({"gateway": {"adminPort": 80}}, "adminPort"),
        ({"cache": {"maxBytes": "much"}}, "maxBytes"),
        ({"valkey": {"password": {"value": "not@for:URLs"}}}, "password"),
        ({"sync": {"tls": {"mode": "Plain"}}}, "mode"),
        ({"monitoring": {"dashboards": {"kind": "Secret"}}}, "kind"),
        ({"unknown": True}, "unknown"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_place(values, place):
    assert place in refusal(values)


@pytest.mark.parametrize("tag", ["0.1.0", "v0.1.0", "0.2.3-rc.1", "main", "sha-1234567", "local"])
def test_an_image_that_fits_is_taken(tag):
    assert f"tidegate:{tag}" in rendered({"gateway": {"image": {"tag": tag}}})["gateway/deployment.yaml"]
