"""A page of metrics as Prometheus scrapes it, with the process's own: the adapter of prometheus-client's encoders."""

import resource
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

__all__ = ["metrics_page"]


_SUMMED = frozenset(
    (
        "process_cpu_seconds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
    )
)


def metrics_page(
    collect: Callable[[], Iterable[Metric]], accept: str = "", children: Sequence[int] = ()
) -> tuple[str, bytes]:
    """Content type and body of one scrape: `collect`, then `process_*`, which are those of this process.

    With `children`, processes that belong to it, what is used is the sum over all of them, ended ones included where
    only a rise is wanted (CPU). OpenMetrics where `accept` asks for it, else the text format that every Prometheus
    reads. May run in any thread.
    """
    page = _Page(collect, children)
    media_types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if "application/openmetrics-text" in media_types:
        body: bytes = openmetrics.generate_latest(page, version="1.0.0")  # type: ignore[no-untyped-call]
        return openmetrics.CONTENT_TYPE_LATEST, body
    return exposition.CONTENT_TYPE_PLAIN_0_0_4, exposition.generate_latest(page)


class _Page(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]], children: Sequence[int]) -> None:
        self._collect = collect
        self._children = children

    def collect(self) -> Iterator[Metric]:
        yield from self._collect()
        own = ProcessCollector(registry=None).collect()
        yield from own if not self._children else _with_children(own, self._children)


def _with_children(own: Iterable[Metric], children: Sequence[int]) -> Iterator[Metric]:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that were waited for
    used = {"process_cpu_seconds": ended.ru_utime + ended.ru_stime}
    for pid in children:
        for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            used[metric.name] = used.get(metric.name, 0.0) + metric.samples[0].value
    for metric in own:
        if metric.name in _SUMMED:
            (sample,) = metric.samples
            metric.samples = [sample._replace(value=sample.value + used.get(metric.name, 0.0))]
        yield metric
