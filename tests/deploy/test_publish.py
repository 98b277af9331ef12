"""What a release publishes names the images of its registry, and nothing else is changed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.foundation.version import VERSION
from tests.deploy.render import CHART, ROOT

OURS = {f"ghcr.io/owner/{name}:{VERSION}" for name in ("tidegate", "tidegate-cache")}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words = [str(ROOT / "charts" / "publish.sh"), "ghcr.io/owner", str(folder)]
    subprocess.run(words, env={**os.environ, "PATH": path}, check=True, capture_output=True)
    return folder


def images(text: str) -> set[str]:
    return set(re.findall(r"^\s*(?:- )?image: \"?([^\s\"]+)", text, re.MULTILINE))


def test_the_single_file_pulls_from_the_registry(published):
    told = images((published / "install.yaml").read_text())
    assert told > OURS
    assert [image.partition(":")[0] for image in told - OURS] == ["valkey/valkey"]


def test_the_chart_pulls_from_the_registry(published):
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk has no wheel for this machine")
    with helm.Chart.load(published / "chart") as chart:
        texts = chart.render(values={}, name="tidegate", namespace="tidegate")
    told = images("\n".join(texts.values()))
    assert told > OURS
    assert [image.partition(":")[0] for image in told - OURS] == ["valkey/valkey"]
    annotations = yaml.safe_load((published / "chart" / "Chart.yaml").read_text())["annotations"]
    assert images(annotations["artifacthub.io/images"]) == OURS


def test_nothing_but_the_names_differs(published):
    for path in (path for path in sorted(CHART.rglob("*")) if path.is_file()):
        copy = (published / "chart" / path.relative_to(CHART)).read_text()
        assert copy.replace("ghcr.io/owner/", "") == path.read_text()
    definition = (published / "resiliencepolicies.yaml").read_text()
    assert definition == (ROOT / "k8s" / "crds" / "resiliencepolicies.yaml").read_text()
