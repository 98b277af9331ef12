"""Writes what the chart and `k8s/` take from elsewhere: `python -m tools.chart`.

values.yaml → values.schema.json, README.md · k8s/crds → the chart's template · grafana → copies inside the
chart (a chart cannot read outside its folder) · examples → Chart.yaml · the chart → k8s/base, golden renders.
"""

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tools.chart_render import CHART, profile, rendered
from tools.chart_values import read_values, schema_text, table_markdown
from tools.files import ROOT, write_files

__all__ = ["BASE", "CRD", "GOLDEN", "base_files", "crd_template", "golden_files", "main", "made_files"]

CRD = ROOT / "k8s/crds/resiliencepolicies.yaml"
BASE = ROOT / "k8s/base"
GOLDEN = ROOT / "tests/golden/chart"
HEADER = "# Made from charts/tidegate by `make generate`; do not edit.\n"
_HELM_LABEL = re.compile(r"^ +(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", re.MULTILINE)


def crd_template(crd: str) -> str:
    """The custom resource's text as a template: behind crds.install, kept by crds.keep."""
    text = re.sub(r"\{\{|\}\}", lambda brace: '{{ "' + brace[0] + '" }}', crd)
    keep = "{{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n{{- end }}\n"
    assert "\n  annotations:" not in text.partition("\nspec:")[0], (
        "the CRD got annotations: join them with keep"
    )
    head, line, rest = text.partition("metadata:\n")
    return "{{- if .Values.crds.install }}\n" + head + line + keep + rest + "{{- end }}\n"


def _copies() -> Iterator[tuple[Path, str]]:
    for source, folder, ending in (
        (ROOT / "grafana", CHART / "dashboards", "json"),
        (ROOT / "grafana/rules", CHART / "rules", "yaml"),
    ):
        for path in sorted(source.glob(f"*.{ending}")):
            yield folder / path.name, path.read_text()


def _chart_yaml() -> str:
    """Chart.yaml with the annotations that repeat other files."""
    old = (CHART / "Chart.yaml").read_text()
    head = old.partition("  # generated\n")[0]
    samples = [yaml.safe_load(path.read_text()) for path in sorted((CHART / "examples").glob("*.yaml"))]
    version = yaml.safe_load(old)["appVersion"]
    images = [{"name": name, "image": f"{name}:{version}"} for name in ("tidegate", "tidegate-cache")]
    crds = [
        {
            "kind": "ResiliencePolicy",
            "version": "v1alpha1",
            "name": "resiliencepolicies.tidegate.dev",
            "displayName": "Resilience policy",
            "description": "Circuit breaker, rate limits, timeouts and retries of running gateways.",
        }
    ]
    lines = ["  # generated"]
    for name, value in (("images", images), ("crds", crds), ("crdsExamples", samples)):
        text = yaml.safe_dump(value, sort_keys=False, width=110).rstrip()
        lines += [f"  artifacthub.io/{name}: |", *(f"    {line}" for line in text.splitlines())]
    return head + "\n".join(lines) + "\n"


def _readme() -> str:
    text = (CHART / "README.md").read_text()
    start, end = "<!-- generated: values -->\n", "<!-- /generated -->"
    head, _, rest = text.partition(start)
    return head + start + table_markdown(read_values(CHART / "values.yaml")) + end + rest.partition(end)[2]


def made_files() -> Mapping[Path, str]:
    """What goes into the chart's folder."""
    return {
        CHART / "values.schema.json": schema_text(read_values(CHART / "values.yaml")),
        CHART / "README.md": _readme(),
        CHART / "Chart.yaml": _chart_yaml(),
        CHART / "templates/crds/resiliencepolicies.yaml": crd_template(CRD.read_text()),
        **dict(_copies()),
    }


def base_files() -> Mapping[Path, str]:
    """k8s/base: the chart with ci/plain-values.yaml, one object a file, without what only Helm means."""
    files: dict[Path, str] = {}
    for path, text in rendered(profile("plain")).items():
        if not path.endswith(".yaml"):
            continue
        parts = [part for part in re.split(r"^---\n", text, flags=re.MULTILINE) if part.strip()]
        for part in parts:
            made = yaml.safe_load(part)
            tail = f"-{made['metadata']['name'].rpartition('-')[2]}" if len(parts) > 1 else ""
            name = path.removesuffix(".yaml").replace("/", "-") + tail
            files[BASE / f"{name}.yaml"] = HEADER + _HELM_LABEL.sub("", part.strip("\n") + "\n")
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "tidegate",
        "resources": ["../crds", *sorted(path.name for path in files)],
    }
    files[BASE / "kustomization.yaml"] = HEADER + yaml.safe_dump(listed, sort_keys=False)
    return files


def golden_files() -> Mapping[Path, str]:
    """Whole renders that a reviewer can read."""
    files = {}
    for name in ("default", "ha"):
        values = profile(name) | {"crds": {"install": False}}
        texts = [text.strip("\n") for path, text in rendered(values).items() if path.endswith(".yaml")]
        files[GOLDEN / f"{name}.out.yaml"] = (
            "\n---\n".join(text.removeprefix("---\n") for text in texts) + "\n"
        )
    return files


def main() -> int:
    made = made_files()
    write_files(made)
    for folder in (CHART / "dashboards", CHART / "rules"):
        for stale in set(folder.iterdir()) - set(made):
            stale.unlink()
    base = base_files()
    if BASE.exists() and set(BASE.iterdir()) - set(base):
        shutil.rmtree(BASE)
    write_files(base)
    write_files(golden_files())
    return 0


if __name__ == "__main__":
    sys.exit(main())
