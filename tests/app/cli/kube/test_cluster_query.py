"""The question to a cluster from the command line on: wrong words, no KUBECONFIG, no cluster."""

import json

import pytest

from app.cli.commands import dispatch
from app.cli.fault_report import exit_code


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["explain"], "Missing argument 'NAMESPACE/TARGET'. See tidegate explain --help"),
        (["explain", "shop/orders"], "NAMESPACE/TARGET: 'shop/orders' names no target; write it like"),
        (["status", "--kube", "-n", "Shop"], "--namespace: 'Shop' is not a DNS label"),
        (["status", "--kube", "--namespace", ""], "--namespace: '' is not a DNS label"),
        (["status", "-n", "shop"], "--namespace: is for a cluster; add --kube, or leave it out"),
        (["status", "--kube", "--admin", "http://x"], "--admin: is for one gateway, --kube for a cluster"),
    ],
)
def test_a_wrong_command_line_exits_2(capsys, argv, said):
    assert exit_code(lambda: dispatch(argv)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: {said}")


@pytest.mark.parametrize("argv", [["status", "--kube"], ["explain", "shop/Gateway"]])
def test_without_a_client_configuration_it_is_told_what_to_set(capsys, monkeypatch, tmp_path, argv):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert exit_code(lambda: dispatch(argv)) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith("not found; set KUBECONFIG or run in a pod\n")


def test_a_cluster_that_is_away_is_asked_once_and_told_in_one_line(capsys, monkeypatch, tmp_path):
    client = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me"}}],
        "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": {}}],
    }
    (tmp_path / "config").write_text(json.dumps(client))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert exit_code(lambda: dispatch(["explain", "shop/Gateway"])) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "cannot list resiliencepolicies" in err
    assert "is the cluster of KUBECONFIG up, and reachable from here?" in err
