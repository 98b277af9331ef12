"""Renders the chart without a cluster, by Helm's own engine in a library (x86_64 Linux only)."""

from typing import Any

import yaml

from tools.files import ROOT

__all__ = ["CHART", "RELEASE", "Object", "profile", "rendered"]

CHART = ROOT / "charts/tidegate"
RELEASE = "tidegate"

Object = dict[str, Any]


def rendered(
    values: Object | None = None, *, name: str = RELEASE, namespace: str = RELEASE
) -> dict[str, str]:
    """Template path below `templates/` → text; empty ones left out. Raises what Helm says of bad values."""
    import helm_python  # no wheel for other machines; what else stands here works without

    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values=values or {}, name=name, namespace=namespace)
    return {path.partition("/templates/")[2]: text for path, text in sorted(texts.items()) if text.strip()}


def profile(name: str) -> Object:
    """The values of `ci/<name>-values.yaml`."""
    values: Object = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())
    return values or {}
