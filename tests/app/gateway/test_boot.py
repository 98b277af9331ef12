import base64
import json

import pytest

from app.config.sync.snapshot import PolicyEntry, pack, seal
from app.gateway.boot import boot_snapshot, in_namespace
from app.settings import load_settings

SNAPSHOT = seal(
    "00000000-0000-4000-8000-000000000001", 3, (PolicyEntry("shop", "p", "uid", 1, {}),), complete=True
)


def token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{body}.signature"


def namespace_with(tmp_path, text, **environment):
    file = tmp_path / "token"
    file.write_text(text)
    settings = load_settings({"CONTROL_PLANE_TOKEN_FILE": str(file), **environment})
    return in_namespace(settings).pod_namespace


def test_the_namespace_is_the_tokens_where_none_is_set(tmp_path):
    claims = token({"kubernetes.io": {"namespace": "shop"}})
    assert namespace_with(tmp_path, claims) == "shop"
    assert namespace_with(tmp_path, claims, POD_NAMESPACE="own") == "own"


@pytest.mark.parametrize(
    "text", ["", "nonsense", "a.b.c", token([]), token({"kubernetes.io": {"namespace": 7}}), token({})]
)
def test_a_token_that_names_no_namespace_gives_none(text, tmp_path):
    assert namespace_with(tmp_path, text) is None


def test_without_a_token_there_is_no_namespace():
    assert in_namespace(load_settings({})).pod_namespace is None


def test_the_mounted_snapshot_is_read(tmp_path):
    file = tmp_path / "snapshot.json.gz"
    file.write_bytes(pack(SNAPSHOT))
    found = boot_snapshot(load_settings({"SNAPSHOT_FILE": str(file)}))
    assert found is not None
    assert found.sequence == 3


def test_a_bad_one_is_logged_and_the_start_goes_on(tmp_path, caplog):
    file = tmp_path / "snapshot.json.gz"
    file.write_bytes(b"nonsense")
    assert boot_snapshot(load_settings({"SNAPSHOT_FILE": str(file)})) is None
    assert "snapshot not applied at start" in caplog.text


def test_without_a_file_there_is_no_snapshot(tmp_path):
    assert boot_snapshot(load_settings({})) is None
    assert boot_snapshot(load_settings({"SNAPSHOT_FILE": str(tmp_path / "none.gz")})) is None
