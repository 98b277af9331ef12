import pytest

from app.foundation.errors import ConfigFaults
from app.operator.settings import load_operator_settings, operator_settings_table_markdown


def faults(**env):
    with pytest.raises(ConfigFaults) as caught:
        load_operator_settings(env)
    return str(caught.value)


def test_nothing_has_to_be_set():
    settings = load_operator_settings({})
    assert (settings.namespace, settings.all_namespaces, settings.sync_port) == (None, False, 8082)
    assert settings.service_accounts == {"tidegate-gateway"}
    assert (settings.gateway_api, settings.gateway_controller) == ("auto", "tidegate.dev/gateway-controller")
    assert settings.gateway_service_type == "LoadBalancer"


def test_what_is_set_is_taken():
    settings = load_operator_settings(
        {
            "POD_NAMESPACE": "shop",
            "WATCH_ALL_NAMESPACES": "True",
            "GATEWAY_SERVICE_ACCOUNTS": "a, team/b,",
            "SYNC_NAMES": "op.shop.svc,10.0.0.1",
            "LOG_LEVEL": "DEBUG",
        }
    )
    assert (settings.namespace, settings.all_namespaces, settings.log_level) == ("shop", True, "debug")
    assert settings.service_accounts == frozenset({"a", "team/b"})
    assert settings.sync_names == ("op.shop.svc", "10.0.0.1")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"POD_NAMESPACE": "A"}, "POD_NAMESPACE: 'A' is not a DNS label"),
        (
            {"WATCH_ALL_NAMESPACES": "yes"},
            "WATCH_ALL_NAMESPACES: 'yes' is not a value of it; it may be true, false",
        ),
        ({"SNAPSHOT_CONFIGMAP": "a/b"}, "SNAPSHOT_CONFIGMAP: 'a/b' is not a DNS subdomain"),
        ({"GATEWAY_SELECTOR": "gateway"}, "GATEWAY_SELECTOR: 'gateway' cannot be used; write labels"),
        ({"GATEWAY_SERVICE_ACCOUNTS": ","}, "GATEWAY_SERVICE_ACCOUNTS: names none"),
        ({"GATEWAY_SERVICE_ACCOUNTS": "A"}, "GATEWAY_SERVICE_ACCOUNTS: 'A' is not"),
        ({"GATEWAY_SERVICE_ACCOUNTS": "/a"}, "GATEWAY_SERVICE_ACCOUNTS: '' is not a DNS label"),
        ({"GATEWAY_SERVICE_ACCOUNTS": "a/b/c"}, "GATEWAY_SERVICE_ACCOUNTS: 'a/b' is not a DNS label"),
        (
            {"GATEWAY_SERVICE_ACCOUNTS": "a, team/a", "POD_NAMESPACE": "shop"},
            "GATEWAY_SERVICE_ACCOUNTS: names team, whose policies are not watched; set WATCH_ALL_NAMESPACES",
        ),
        ({"SYNC_PORT": "http"}, "SYNC_PORT: 'http' cannot be used; write a whole number from 0 to 65535"),
        ({"SYNC_PORT": "65536"}, "SYNC_PORT: '65536' cannot be used"),
        ({"SYNC_HOST": "a b"}, "SYNC_HOST: 'a b' is not an address"),
        ({"SYNC_NAMES": "a b"}, "SYNC_NAMES: 'a b' is not a host name"),
        ({"SYNC_TLS_CERT_FILE": "c"}, "SYNC_TLS_CERT_FILE: is set without SYNC_TLS_KEY_FILE"),
        ({"SYNC_TLS_KEY_FILE": "k"}, "SYNC_TLS_KEY_FILE: is set without SYNC_TLS_CERT_FILE"),
        ({"ADMIN_PORT": "8082"}, "ADMIN_PORT: is the sync port 8082 too"),
        ({"GATEWAY_API": "on"}, "GATEWAY_API: 'on' is not a value of it; it may be auto, true, false"),
        (
            {"GATEWAY_CONTROLLER": "tidegate"},
            "GATEWAY_CONTROLLER: 'tidegate' is not the name of a controller",
        ),
        ({"GATEWAY_SERVICE_TYPE": "clusterip"}, "GATEWAY_SERVICE_TYPE: 'clusterip' is not a type of Service"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: 'loud' is not a value of it"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(env, said):
    assert said in faults(**env)


def test_every_fault_is_reported_at_once():
    assert faults(SYNC_PORT="x", ADMIN_PORT="y", LOG_LEVEL="z").count("\n") == 2


def test_both_ports_may_be_any_free_one():
    assert load_operator_settings({"SYNC_PORT": "0", "ADMIN_PORT": "0"}).sync_port == 0


def test_the_table_has_a_row_for_every_variable():
    table = operator_settings_table_markdown()
    assert table.count("\n") == 19
    assert "| `POD_NAMESPACE` | unset |" in table
