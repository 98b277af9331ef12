"""skaffold.yaml: names that exist, and profiles whose patches and values fit."""

from typing import Any

import pytest
import yaml

from tests.deploy.render import ROOT, objects, profile

CONFIG = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
PROFILES = {one["name"]: one for one in CONFIG["profiles"]}


def at(document, path):
    """What a JSON pointer names (RFC 6901), one level above its last part."""
    *parts, _ = path.strip("/").split("/")
    for part in parts:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def test_both_images_are_built_from_their_dockerfiles_and_pushed_nowhere():
    artifacts = {one["image"]: one["docker"]["dockerfile"] for one in CONFIG["build"]["artifacts"]}
    assert artifacts == {"tidegate": "app/Dockerfile", "tidegate-cache": "cache/Dockerfile"}
    assert all((ROOT / path).is_file() for path in artifacts.values())
    assert CONFIG["build"]["local"]["push"] is False


def test_the_release_is_the_chart_with_the_built_images():
    (release,) = CONFIG["deploy"]["helm"]["releases"]
    values: dict[str, Any] = {}
    for path, template in release["setValueTemplates"].items():
        component, image, field = path.split(".")
        values.setdefault(component, {}).setdefault(image, {})[field] = (
            "local" if field == "tag" else template
        )
    made = objects(values)
    images = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in made
        if one["kind"] == "Deployment"
    }
    assert release["chartPath"] == "charts/tidegate"
    assert images == {
        "tidegate-gateway": "{{.IMAGE_REPO_tidegate}}:local",
        "tidegate-operator": "{{.IMAGE_REPO_tidegate}}:local",
        "tidegate-cache": "{{.IMAGE_REPO_tidegate_cache}}:local",
    }


def test_traffic_and_admin_port_are_forwarded_from_what_the_chart_makes():
    made = {(one["kind"].lower(), one["metadata"]["name"]) for one in objects()}
    forwarded = {
        one["localPort"]: (one["resourceType"], one["resourceName"]) for one in CONFIG["portForward"]
    }
    assert set(forwarded) == {8080, 9080}
    assert set(forwarded.values()) <= made


def test_files_are_changed_in_an_interpreted_build():
    (arguments,) = [
        patch["value"] for patch in PROFILES["dev"]["patches"] if patch["path"].endswith("buildArgs")
    ]
    assert f"ARG BASE={arguments['COMPILER']}\n" in (ROOT / "app/Dockerfile").read_text()


@pytest.mark.parametrize("name", ["dev", "ha"])
def test_a_profile_adds_to_what_is_there_and_names_values_that_exist(name):
    for patch in PROFILES[name]["patches"]:
        assert isinstance(at(CONFIG, patch["path"]), dict)
        if patch["path"].endswith("valuesFiles"):
            (path,) = patch["value"]
            assert (ROOT / path).is_file()


def test_changed_files_go_where_the_development_values_read_code():
    rules = [patch["value"] for patch in PROFILES["dev"]["patches"] if patch["path"].endswith("sync")]
    assert [rule["manual"] for rule in rules] == [
        [{"src": "app/**/*.py", "dest": "/tmp/code"}],  # noqa: S108 - a path in a pod
        [{"src": "cache/**/*.py", "dest": "/tmp/code"}],  # noqa: S108
    ]
    for one in objects(profile("dev")):
        if one["kind"] == "Deployment":
            spec = one["spec"]["template"]["spec"]
            (init,) = spec["initContainers"]
            code = {"name": "PYTHONPATH", "value": "/tmp/code"}  # noqa: S108
            assert code in spec["containers"][0]["env"]
            assert init["image"] == spec["containers"][0]["image"]


def test_the_smoke_test_compiles():
    (check,) = PROFILES["e2e"]["verify"]
    compile(check["container"]["args"][0], "smoke", "exec")
