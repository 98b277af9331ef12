"""A page of metrics as Prometheus scrapes it, with the process's own: the adapter of prometheus-client's encoders."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

__all__ = ["metrics_page"]


def metrics_page(collect: Callable[[], Iterable[Metric]], accept: str = "") -> tuple[str, bytes]:
    """Content type and body of one scrape: `collect`, then `process_*`.

    OpenMetrics where `accept` asks for it, else the text format that every Prometheus reads. May run in any thread.
    """
    page = _Page(collect)
    media_types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if "application/openmetrics-text" in media_types:
        body: bytes = openmetrics.generate_latest(page, version="1.0.0")  # type: ignore[no-untyped-call]
        return openmetrics.CONTENT_TYPE_LATEST, body
    return exposition.CONTENT_TYPE_PLAIN_0_0_4, exposition.generate_latest(page)


class _Page(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        yield from self._collect()
        yield from ProcessCollector(registry=None).collect()
