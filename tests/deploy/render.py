"""Looks at renders of the chart (tools.chart_render), and holds objects against Kubernetes' schemas."""

import json
from collections.abc import Iterator
from functools import lru_cache

import kubernetes_validate
import pytest
import yaml

import tools.chart_render
from tools.chart_render import CHART, RELEASE, Object, profile
from tools.files import ROOT

__all__ = [
    "CHART",
    "FOREIGN",
    "NEWEST",
    "OLDEST",
    "Object",
    "PROFILES",
    "RELEASE",
    "ROOT",
    "environment",
    "every_profile",
    "found",
    "gateway",
    "objects",
    "pods",
    "profile",
    "rendered",
    "validate",
]

OLDEST, NEWEST = "1.29", "1.37"
"""Versions of Kubernetes that the chart promises to fit."""

FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "GrafanaDashboard", "ScaledObject", "HTTPRoute"}
FOREIGN |= {"Certificate", "GatewayClass"}
"""Kinds that other projects bring."""

PROFILES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
every_profile = pytest.mark.parametrize("name", PROFILES)


def rendered(
    values: Object | None = None, *, name: str = RELEASE, namespace: str = RELEASE
) -> dict[str, str]:
    """As `tools.chart_render.rendered`; skips the test where Helm's library is missing."""
    pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")
    return tools.chart_render.rendered(values, name=name, namespace=namespace)


@lru_cache(maxsize=500)
def _parsed(values: str, name: str, namespace: str) -> str:
    """Rendering and reading takes a second, and most tests look at the same few renders."""
    texts = rendered(json.loads(values), name=name, namespace=namespace)
    parts = [yaml.safe_load_all(text) for path, text in texts.items() if path.endswith(".yaml")]
    return json.dumps([each for part in parts for each in part if each])


def objects(values: Object | None = None, *, name: str = RELEASE, namespace: str = RELEASE) -> list[Object]:
    """Every object of a render, NOTES aside; the same render for the same values."""
    made: list[Object] = json.loads(_parsed(json.dumps(values or {}), name, namespace))
    return made


def found(all_objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (match,) = (one for one in all_objects if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return match


def secret_file(pod: Object, variable: str) -> tuple[str, str]:
    """Name and entry of the Secret that is mounted, read only, where `variable` of the first container points."""
    container = pod["containers"][0]
    folder, _, file = environment(container)[variable].rpartition("/")
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == folder)
    (volume,) = (one["secret"] for one in pod["volumes"] if one["name"] == mount["name"])
    (entry,) = (item["key"] for item in volume["items"] if item["path"] == file)
    assert mount["readOnly"] is True
    return volume["secretName"], entry


def environment(container: Object) -> Object:
    """Variables of a container in their order: value, or where it comes from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


def pods(all_objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """(name of its owner, pod spec) for every pod that the objects make."""
    for one in all_objects:
        if one["kind"] == "Pod":
            yield one["metadata"]["name"], one["spec"]
        elif one["kind"] in {"Deployment", "StatefulSet"}:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


@lru_cache(maxsize=2000)
def validate(text: str, version: str) -> None:
    """Strictly, against that version's schema; `text` is JSON. Raises what kubernetes-validate says."""
    one = json.loads(text)
    if one["kind"] == "CustomResourceDefinition" and version == OLDEST:
        del one["spec"]["versions"][0]["selectableFields"]  # came later; older servers ignore it
    kubernetes_validate.validate(one, version, strict=True)


def gateway(values: Object, **release: str) -> Object:
    """The gateway's Deployment spec."""
    made = found(objects(values, **release), "Deployment", "tidegate-gateway")["spec"]
    return dict(made)
