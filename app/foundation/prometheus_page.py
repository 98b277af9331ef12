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

_EOF = b"# EOF\n"

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

    A large family may come in parts, one after the other: they are one on the page, and one of them is in memory at a
    time. With `children`, processes that belong to it, what is used is the sum over all of them, ended ones included
    where only a rise is wanted (CPU). OpenMetrics where `accept` asks for it, else the text format that every
    Prometheus reads. May run in any thread.
    """
    families = _with_process(collect, children)
    media_types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if "application/openmetrics-text" in media_types:
        encode = partial(openmetrics.generate_latest, version="1.0.0")
        return openmetrics.CONTENT_TYPE_LATEST, _joined(families, encode) + _EOF
    return exposition.CONTENT_TYPE_PLAIN_0_0_4, _joined(families, exposition.generate_latest)


def _joined(families: Iterable[Metric], encode: Callable[[Collector], bytes]) -> bytes:
    """Each family encoded by itself, without the end of a page."""
    body, last = bytearray(), ""
    for family in families:
        text = encode(_One(family)).removesuffix(_EOF)
        if family.name == last:  # another part of it: its HELP and TYPE are there
            while text.startswith(b"# "):
                text = text.partition(b"\n")[2]
        last = family.name
        body += text
    return bytes(body)


class _One(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def _with_process(collect: Callable[[], Iterable[Metric]], children: Sequence[int]) -> Iterator[Metric]:
    yield from collect()
    own = ProcessCollector(registry=None).collect()
    yield from own if not children else _with_children(own, children)


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
