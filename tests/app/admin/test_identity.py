import socket

from app.admin.identity import Identity, identity_of
from app.settings import load_settings


def test_in_a_pod_it_is_what_the_environment_says():
    said = {"POD_NAME": "gw-1", "POD_NAMESPACE": "shop", "GATEWAY_NAME": "front", "NODE_NAME": "node-3"}
    assert identity_of(load_settings(said)) == Identity("gw-1", "front", "shop", "node-3")


def test_outside_a_cluster_it_is_the_hosts_name_as_an_object_may_be_called(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Some_Host.example-")
    assert identity_of(load_settings({})) == Identity("some-host-example", None, None, None)


def test_a_host_without_a_usable_name_is_a_gateway(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "---")
    assert identity_of(load_settings({})).pod == "gateway"
