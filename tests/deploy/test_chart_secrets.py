"""Keys, tokens and secrets in the chart: mounted as files, made once, held by nobody who does not want them."""

import json

import pytest
import yaml

from tests.deploy.render import (
    CHART,
    environment,
    found,
    gateway,
    objects,
    pods,
    profile,
    rendered,
    secret_file,
)


def test_a_changed_key_value_restarts_nothing_since_gateways_read_the_mounted_file_again():
    specs = [
        gateway({"gateway": {"apiKey": {"value": value}}})["template"] for value in ("one-key", "two-key")
    ]
    assert specs[0] == specs[1]
    assert "one-key" not in json.dumps(specs[0])


@pytest.mark.parametrize(
    ("values", "owner", "variable", "entry"),
    [
        ({}, "gateway", "API_KEY_FILE", ("tidegate-api-key", "api-key")),
        ({"gateway": {"apiKey": {"existingSecret": "mine"}}}, "gateway", "API_KEY_FILE", ("mine", "api-key")),
        (
            {"gateway": {"adminToken": {"existingSecret": "mine"}}},
            "gateway",
            "ADMIN_TOKEN_FILE",
            ("mine", "admin-token"),
        ),
        (
            {"cache": {"token": {"existingSecret": "mine"}}},
            "gateway",
            "CACHE_TOKEN_FILE",
            ("mine", "cache-token"),
        ),
        (
            {"cache": {"token": {"existingSecret": "mine"}}},
            "cache",
            "CACHE_TOKEN_FILE",
            ("mine", "cache-token"),
        ),
        *(
            (values, owner, "REDIS_URL_FILE", entry)
            for owner in ("gateway", "cache")
            for values, entry in (
                ({}, ("tidegate-valkey-password", "url")),
                ({"redis": {"existingSecret": "mine"}, "valkey": {"enabled": False}}, ("mine", "url")),
                ({"valkey": {"password": {"existingSecret": "mine", "urlKey": "at"}}}, ("mine", "at")),
            )
        ),
    ],
)
def test_a_secret_is_mounted_as_a_file(values, owner, variable, entry):
    pod = dict(pods(objects(values)))[f"tidegate-{owner}"]
    assert secret_file(pod, variable) == entry
    assert variable.removesuffix("_FILE") not in environment(pod["containers"][0])


def test_the_pods_of_helm_test_read_the_key_from_a_file_too():
    tests = {name: pod for name, pod in pods(objects()) if "test-" in name}
    assert tests
    assert {secret_file(pod, "API_KEY_FILE") for pod in tests.values()} == {("tidegate-api-key", "api-key")}


OWN_SECRETS = {
    "gateway": {"adminToken": {"existingSecret": "t"}},
    "redis": {"existingSecret": "r"},
    "valkey": {"enabled": False},
}


@pytest.mark.parametrize("values", [{}, OWN_SECRETS])
def test_no_program_of_ours_gets_a_secret_in_a_variable(values):
    assert [
        (owner, one["name"])
        for owner, pod in pods(objects(values))
        if owner != "tidegate-valkey"
        for one in pod["containers"][0].get("env", [])
        if "secretKeyRef" in one.get("valueFrom", {})
    ] == []


def test_the_notes_say_how_to_open_the_monitor_and_where_the_documentation_is():
    notes = rendered({"gateway": {"adminToken": {"existingSecret": "mine"}}})["NOTES.txt"]
    assert "kubectl -n tidegate port-forward deployment/tidegate-gateway 9080\n" in notes
    assert "http://localhost:9080/monitor" in notes
    assert "get secret mine -o" in notes
    assert "Documentation: docs/README.md" in notes
    assert (CHART.parents[1] / "docs/README.md").exists()


def test_a_key_is_made_when_none_is_given_and_each_render_makes_another():
    texts = [rendered()["gateway/api-key-secret.yaml"] for _ in range(2)]
    secrets = [yaml.safe_load(text)["data"]["api-key"] for text in texts]
    assert secrets[0] != secrets[1]
    assert all(len(secret) >= 60 for secret in secrets)


@pytest.mark.parametrize(
    "values",
    [
        {"gateway": {"apiKey": {"existingSecret": "mine"}}},
        {"gateway": {"keys": {"existingSecret": "mine"}}},
        {"gateway": {"auth": "none"}},
    ],
    ids=["a key of yours", "a keys file", "no auth"],
)
def test_no_key_is_made_where_one_is_given_or_none_is_wanted(values):
    assert [one for one in objects(values) if one["metadata"]["name"] == "tidegate-api-key"] == []


def test_a_keys_file_is_mounted_as_a_folder_and_named_in_the_configuration():
    made = objects(profile("hpa"))
    config = yaml.safe_load(found(made, "ConfigMap", "tidegate-gateway")["data"]["tidegate.yaml"])
    (container,) = found(made, "Deployment", "tidegate-gateway")["spec"]["template"]["spec"]["containers"]
    assert config == {"keysFile": "/etc/tidegate/keys/keys.yaml"}
    assert environment(container)["KEY_PEPPER_FILE"] == "/etc/tidegate/keys/pepper"
    assert {"name": "keys", "mountPath": "/etc/tidegate/keys", "readOnly": True} in container["volumeMounts"]


@pytest.mark.parametrize(
    "values",
    [{}, profile("no-operator") | {"cache": {"enabled": False, "token": {"existingSecret": "mine"}}}],
    ids=["no token", "no cache service"],
)
def test_gateways_hold_no_token_that_nobody_wants(values):
    assert "cache-token" not in json.dumps(gateway(values))


def test_what_a_process_fills_has_no_data_that_an_upgrade_could_overwrite():
    made = objects()
    for kind, name in (("ConfigMap", "tidegate-snapshot"), ("Secret", "tidegate-sync-ca")):
        assert not {"data", "stringData", "binaryData"} & found(made, kind, name).keys()


def test_gateways_get_a_token_for_the_operator_only():
    volumes = {one["name"]: one for one in gateway({})["template"]["spec"]["volumes"]}
    (source,) = volumes["token"]["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": "tidegate-operator",
        "expirationSeconds": 600,
        "path": "token",
    }
