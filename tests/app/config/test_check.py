"""What `tidegate check` finds in files; configurations in ConfigMaps, and warnings: test_check_findings.py."""

import io
import subprocess
import sys

import pytest
import yaml

from app.config.check import CheckedFile, Findings, check_paths
from tests.fakes.manifests import manifest
from tests.fakes.process import ROOT

TIMEOUT = "timeout: {request: 1s}"


BAD = yaml.safe_load((ROOT / "tests/golden/policy/bad.yaml").read_text())


@pytest.fixture
def faults_of(tmp_path, monkeypatch):
    """The faults of files with the given texts, named 0.yaml, 1.yaml … in the working directory."""
    monkeypatch.chdir(tmp_path)

    def check(*texts, env=None):
        names = [f"{index}.yaml" for index in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            (tmp_path / name).write_text(text)
        return [str(fault) for fault in check_paths(names, env).faults]

    return check


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# all in comments\n",
        "---\nupstreams: {o: {endpoints: [http://h]}}\n",
        "routes: [{name: a, upstream: cache}]",
        "keys: [{name: acme, hash: 'hmac-sha256:" + "ab" * 32 + "'}]",
        "keysFile: /nowhere/keys.yaml",
        manifest(),
        manifest("circuitBreaker: {override: {state: Open, until: '2027-01-01T00:00:00Z'}}"),
        manifest().replace("spec:", "status: {conditions: []}\nspec:"),
        manifest().replace("spec:", "spec:\n  mode: Shadow"),
        manifest().replace(", namespace: shop", ""),
        "---\n" + manifest() + "---\n",
        manifest() + "---\n" + manifest(TIMEOUT, name="other"),
        manifest() + "---\n" + manifest(namespace="market"),
        manifest() + "---\n" + manifest(name="other", target="{kind: Route, name: b}"),
        manifest() + "---\n" + manifest(name="other").replace("spec:", "spec:\n  mode: Shadow"),
    ],
)
def test_a_good_file_has_no_fault(faults_of, text):
    assert faults_of(text, env={}) == []


@pytest.mark.parametrize(
    ("text", "place", "what", "fix"),
    [
        ("routs: []", "0.yaml:1: routs", "is not a known key", "did you mean routes?"),
        ("[]", "0.yaml", "is a list, not a mapping", "give upstreams, routes"),
        ("a: b: c", "0.yaml:1", "is no YAML", "check indentation"),
        ("kind: ResiliencePolicy", "0.yaml: apiVersion", "is", "it must be tidegate.dev/v1alpha1"),
        (
            manifest().replace("v1alpha1", "v1"),
            "0.yaml:1: apiVersion",
            "'tidegate.dev/v1'",
            "must be tidegate.dev/v1alpha1",
        ),
        (
            manifest().replace("ResiliencePolicy", "Deployment"),
            "0.yaml:2: kind",
            "is 'Deployment'",
            "only ResiliencePolicy and configuration files can be checked",
        ),
        (manifest().replace("metadata: {", "metadata: []  # {"), "0.yaml:3: metadata", "is a list", "name"),
        (manifest().replace("metadata", "meta"), "0.yaml:3: meta", "is not a known key", "metadata"),
        (manifest(name="Orders"), "0.yaml:3: metadata.name", "'Orders' is not a DNS", "such as orders"),
        (manifest(namespace="a.b"), "0.yaml:3: metadata.namespace", "'a.b' is not a DNS", "such as a-b"),
        (manifest().replace("name: orders, n", "n"), "0.yaml:3: metadata.name", "is required", "a DNS"),
        (manifest().partition("spec:")[0], "0.yaml: spec", "is required", "give targetRefs"),
        (manifest("timeout: {request: 1.5s}"), "0.yaml:6: spec.timeout.request", "'1.5s'", "1500ms"),
        (manifest() + "extra: 1\n", "0.yaml:7: extra", "is not a known key", "known here: apiVersion"),
        (manifest() + "kind: X\n", "0.yaml:7: kind", "is given twice", "keep one of the two"),
    ],
)
def test_a_fault_names_file_line_and_path_with_its_cure(faults_of, text, place, what, fix):
    assert any(
        fault.startswith(place) and what in fault and fix in fault.partition("; ")[2]
        for fault in faults_of(text)
    )


@pytest.mark.parametrize(
    ("path", "what"), [("gone.yaml", "does not exist"), (".", "holds no .yaml or .yml file")]
)
def test_a_file_that_cannot_be_read_is_told(path, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (fault,) = check_paths([path]).faults
    assert (fault.path, fault.what) == (path, what)


def test_the_faults_of_all_files_and_documents_come_at_once(faults_of):
    second = manifest() + "---\n" + manifest("timeout: {request: 2h}", name="B")
    faults = faults_of("routes: [{name: A}]", second, "a: b: c")
    assert [fault.partition("; ")[0] for fault in faults[:4]] == [
        "0.yaml:1: routes[0].name: 'A' is not a DNS subdomain",
        "0.yaml:1: routes[0]: has neither upstream nor redirect",
        "1.yaml:10: metadata.name: 'B' is not a DNS subdomain",
        "1.yaml:13: spec.timeout.request: is 2h",
    ]
    assert faults[4].startswith("2.yaml:1: is no YAML")


def test_a_configuration_among_several_documents_is_told_since_the_gateway_refuses_it(faults_of):
    (fault,) = faults_of(manifest() + "---\nupstreams: {}\n")
    assert fault.startswith("0.yaml: document 2 of 2 is a configuration; give it a file of its own")


def test_a_policy_given_twice_is_told_with_the_place_of_the_first(faults_of):
    (fault,) = faults_of(manifest(), manifest(TIMEOUT))
    assert fault == (
        "1.yaml:3: metadata.name: repeats orders (first: 0.yaml: ResiliencePolicy orders); "
        "give each policy its own name"
    )


def test_two_policies_that_set_the_same_stanza_of_one_target_are_told(faults_of):
    (fault,) = faults_of(manifest(), manifest(name="other"))
    assert fault == (
        "1.yaml: ResiliencePolicy other: spec.circuitBreaker: conflicts with policy orders "
        "(0.yaml: ResiliencePolicy orders): both set circuitBreaker for Route/orders; keep one of the two"
    )


@pytest.mark.parametrize("sample", BAD, ids=[sample["name"] for sample in BAD])
def test_a_resource_that_the_api_server_refuses_is_a_fault_without_a_cluster_too(faults_of, sample):
    spec = yaml.safe_dump({"spec": sample["spec"]}, sort_keys=False)
    bad = manifest().partition("spec:")[0] + spec
    assert any(sample["check"] in fault for fault in faults_of(bad, env={}))


def test_a_file_named_twice_is_checked_once(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(manifest())
    assert check_paths([str(path), str(path)]) == Findings(())


def test_a_keys_file_that_is_here_is_checked_too(faults_of, tmp_path):
    (tmp_path / "keys.yaml").write_text("- {name: acme, hash: nonsense}\n")
    (fault,) = faults_of("keysFile: keys.yaml")
    assert fault.startswith("keys.yaml:1: [0].hash: is no hash of a key")


def test_a_good_keys_file_has_no_fault(faults_of, tmp_path):
    (tmp_path / "keys.yaml").write_text("- {name: acme, hash: 'sha256:" + "ab" * 32 + "'}\n")
    assert faults_of("keysFile: keys.yaml") == []


def test_what_the_environment_says_wrong_is_told_once_for_all_files(faults_of):
    env = {"RATE_LIMIT": "0-M", "CACHE_SERVICE_URL": "ftp://x", "API_KEY": "two words", "AUTH": ""}
    faults = faults_of("", "{}", env=env)
    assert [fault.partition(":")[0] for fault in faults] == ["RATE_LIMIT", "CACHE_SERVICE_URL", "API_KEY"]


def test_the_command_tells_one_line_a_fault_and_exits_with_2(tmp_path):
    (tmp_path / "gw.yaml").write_text("routs: []\n")
    command = [sys.executable, "-m", "app", "check", str(tmp_path / "gw.yaml"), str(tmp_path / "gone.yaml")]
    ended = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    first, second = ended.stderr.splitlines()
    assert first.endswith("gw.yaml:1: routs: is not a known key; did you mean routes?")
    assert "gone.yaml: does not exist" in second


def test_the_command_exits_with_0_for_good_files(tmp_path):
    (tmp_path / "gw.yaml").write_text("---\nroutes: [{name: a, upstream: cache}]\n")
    command = [sys.executable, "-m", "app", "check", str(tmp_path / "gw.yaml")]
    ended = subprocess.run(
        command, cwd=ROOT, env={"API_KEY": "k" * 43}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


BARE = "retry: {attempts: 1, on: [502]}"


@pytest.mark.parametrize("stanza", [BARE, "retry:\n    attempts: 1\n    on:\n      - 502"])
def test_a_bare_on_in_a_manifest_is_a_fault_because_kubectl_reads_it_as_true(faults_of, stanza):
    (fault,) = faults_of(manifest(stanza))
    assert "spec.retry.on: stands without quotes, and kubectl reads it as true" in fault
    assert fault.endswith('write "on":')


@pytest.mark.parametrize(
    "text",
    [
        manifest('retry: {attempts: 1, "on": [502]}'),
        manifest("retry: {attempts: 1, 'on': [502]}"),
        manifest("retry: {attempts: 1} # on: [502]"),
        f"policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], {BARE}}}}}]",
    ],
)
def test_a_quoted_on_and_one_in_a_configuration_file_are_fine(faults_of, text):
    assert faults_of(text) == []


def test_a_warning_says_where_raw_paths_lead_past_a_key_and_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gw.yaml").write_text(
        "upstreams: {shop: {endpoints: [http://h]}}\n"
        "routes:\n"
        "  - {name: public, match: {path: {prefix: /p}}, upstream: shop, auth: none}\n"
        "  - {name: all, upstream: shop}\n"
    )
    assert check_paths(["gw.yaml"], {"API_KEY": "k" * 43}) == Findings(())
    found = check_paths(["gw.yaml"], {"API_KEY": "k" * 43, "PATHS": "raw"})
    assert found.faults == ()
    (warning,) = found.warnings
    assert str(warning) == (
        "gw.yaml:3: routes[0]: wants no key, and route all with the same upstream does: with PATHS=raw a "
        "path with .. may reach here what that one protects; "
        "leave PATHS at reject, or let the upstream reject such paths"
    )


DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 1}\n"


def test_objects_of_other_kinds_are_skipped_and_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all.yaml").write_text(f"{DEPLOYMENT}---\n{manifest()}---\n{DEPLOYMENT}")
    found = check_paths(["all.yaml"], {})
    assert found == Findings(())
    assert found.files == (CheckedFile("all.yaml", checked=1, skipped=2),)


def test_a_list_of_objects_is_checked_one_by_one(faults_of):
    listed = "apiVersion: v1\nkind: List\nitems:\n- %s- %s"
    objects = [text.replace("\n", "\n  ").rstrip(" ") for text in (DEPLOYMENT, manifest(name="B"))]
    (fault,) = faults_of(listed % tuple(objects))
    assert fault.startswith("0.yaml:10: items[1].metadata.name: 'B' is not a DNS subdomain")


def test_an_object_of_our_group_that_is_no_policy_is_a_fault(faults_of):
    (fault,) = faults_of(manifest().replace("ResiliencePolicy", "ResilencePolicy"))
    assert "0.yaml:2: kind: is 'ResilencePolicy'" in fault


def test_a_folder_stands_for_its_yaml_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p" / "below").mkdir(parents=True)
    for name in ("p/b.yml", "p/a.yaml", "p/notes.txt", "p/below/c.yaml"):
        (tmp_path / name).write_text(manifest(name=name[-6]))
    found = check_paths(["p", "p/a.yaml"], {})
    assert [file.name for file in found.files] == ["p/a.yaml", "p/b.yml"]


def test_standard_input_is_read_once_and_named(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"routs: []\n")))
    (fault,) = check_paths(["-", "-"], {}).faults
    assert str(fault).startswith("<stdin>:1: routs: is not a known key")


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/fd/0"])
def test_a_pipe_is_read(path):
    command = [sys.executable, "-m", "app", "check", path]
    ended = subprocess.run(command, cwd=ROOT, input=b"routs: []\n", capture_output=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {path}:1: routs: is not a known key".encode())


def test_too_much_on_standard_input_is_a_fault(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"#" * (16 << 20) + b"##")))
    (fault,) = check_paths(["-"], {}).faults
    assert (fault.path, fault.what.endswith("bytes long")) == ("<stdin>", True)


def test_a_credential_file_that_is_here_is_checked_too(faults_of, tmp_path):
    (tmp_path / "token").write_text("two words")
    upstream = "upstreams: {o: {endpoints: [http://h], credential: {file: %s}}}"
    assert faults_of(upstream % "elsewhere/token") == []
    (fault,) = faults_of(upstream % "token")
    assert fault.startswith("token: holds a blank")
