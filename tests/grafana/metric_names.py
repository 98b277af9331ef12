"""Every metric that the code exports, with its labels, asked from the code itself; and names in PromQL."""

import re
from collections.abc import Mapping
from functools import cache

from prometheus_client.process_collector import ProcessCollector

from app.operator.metrics import METRICS as OPERATOR_METRICS
from app.telemetry.metrics import METRICS
from cache.memory import MemoryStore
from cache.metrics import Counts, Metrics
from tests.fakes.process import ROOT

__all__ = ["RECORDED", "documented", "exported", "metrics_in"]

RECORDED = re.compile(r"\b\w+(?::\w+)+")
_NAME = re.compile(r"\b(?:tidegate|process)_\w+")
_SERIES = ("_bucket", "_sum", "_count")
_CACHE_LABELS = {"tidegate_cache_requests_total": ("op", "result")}


@cache
def exported() -> Mapping[str, tuple[str, ...]]:
    """Metric → labels, as a scrape names it (counters with `_total`)."""
    names = {metric.name: metric.labels for metric in METRICS}
    names |= {name: tuple(filter(None, labels.split(", "))) for name, _, labels, _ in OPERATOR_METRICS}
    names |= {name: _CACHE_LABELS.get(name, ()) for name in _cache_names()}
    names |= {family.name + "_total" * (family.type == "counter"): () for family in _process_families()}
    return names


@cache
def documented() -> Mapping[str, tuple[str, ...]]:
    """Metric → labels, as the tables of `docs/observability.md` say."""
    text = (ROOT / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `((?:tidegate|process)_\w+)` \| \w+ \|([^|]*)\|", text, re.MULTILINE)
    return {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def metrics_in(expr: str) -> set[str]:
    """The metrics that a PromQL expression asks for, series of a histogram by the histogram's name."""
    found = set()
    for name in _NAME.findall(RECORDED.sub(" ", expr)):
        stem = next((name.removesuffix(end) for end in _SERIES if name.endswith(end)), name)
        found.add(stem if stem in exported() else name)
    return found


def _cache_names() -> list[str]:
    counts = Counts()
    counts.add("get", "hit")
    store = MemoryStore(max_bytes=1)
    _, page = Metrics(counts, lambda: store.state(0.0)).render("")
    return re.findall(r"^# TYPE (tidegate_\w+)", page.decode(), re.MULTILINE)


def _process_families():
    return ProcessCollector(registry=None).collect()
