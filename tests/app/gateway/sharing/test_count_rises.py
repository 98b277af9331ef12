import orjson
import pytest

from app.gateway.sharing.count_rises import CountRises, add_rises
from app.telemetry.counts import NO_ROUTE, Counts
from app.telemetry.reading import read

TRACE = b"0" * 32


class Two:
    """A worker's counts and the parent's, with the routes and upstreams of one configuration."""

    def __init__(self) -> None:
        self.worker, self.parent = Counts("1"), Counts("1")
        self.rises = CountRises(self.worker)
        for counts in (self.worker, self.parent):
            counts.route("r")
            counts.upstream("u")
            counts.upstream("u", "r/u")

    def report(self) -> dict[str, object]:
        rises: dict[str, object] = self.rises.take()
        add_rises(self.parent, orjson.loads(orjson.dumps(rises)))
        return rises


@pytest.fixture
def two():
    return Two()


def request(counts: Counts, times: int = 1, reason: str = "", duration_s: float = 0.002) -> None:
    route = counts.route("r")
    for _ in range(times):
        route.count(b"GET", 200, reason)
        route.duration.observe(duration_s)
        route.count_decision("all", "allowed")
        counts.upstream("u", "r/u").duration.observe(0.5)


def shown(counts: Counts) -> set[object]:
    return {
        (sample.metric, sample.labels, str(sample.value))
        for sample in read(counts)
        if "loop" not in sample.metric
    }


def test_the_parent_shows_what_workers_counted(two):
    request(two.worker, 3)
    two.worker.upstream("u").count_retry("retried")
    two.worker.upstream("u").count_mirrored("failed")
    two.worker.count_shadow_rejection("p", "Gateway", "rate_limited")
    two.worker.internal_errors += 2
    two.report()
    assert shown(two.parent) == shown(two.worker)
    request(two.worker, 2, "rate_limited")
    two.report()
    assert shown(two.parent) == shown(two.worker)


def test_what_has_not_moved_is_not_reported_again(two):
    request(two.worker)
    two.report()
    rises = two.report()
    assert (rises["routes"], rises["upstreams"], rises["shadows"], rises["errors"]) == ([], [], [], 0)


def test_the_newest_exemplar_of_a_bucket_is_shown(two):
    two.worker.route("r").count(b"GET", 200, "")
    two.worker.route("r").duration.observe_traced(0.002, TRACE, 5.0)
    two.report()
    assert two.parent.route("r").duration.exemplars == two.worker.route("r").duration.exemplars


def test_what_a_removed_breaker_counted_is_its_upstreams_and_counts_once(two):
    request(two.worker, 3)
    two.worker.upstream("u", "r/u").count_retry("retried")
    two.worker.upstream("u", "r/u").count_mirrored("completed")
    two.report()
    request(two.worker, 1)
    for counts in (two.worker, two.parent):
        counts.keep_only(["r"], ["u"], ["u"])
    two.report()
    assert two.parent.upstream("u").duration.cells == two.worker.upstream("u").duration.cells
    assert two.parent.upstream("u").retries == {"retried": 1}
    assert two.parent.upstream("u").mirrored == {"completed": 1}


def test_copies_for_an_upstream_without_other_requests_are_reported(two):
    two.worker.upstream("u").count_mirrored("completed")
    two.report()
    two.worker.upstream("u").count_mirrored("completed")
    two.report()
    assert two.parent.upstream("u").mirrored == {"completed": 2}


def test_what_has_left_the_configuration_here_is_dropped(two):
    request(two.worker, 1)
    two.parent.keep_only([], [])
    two.report()
    assert two.parent.routes == {}
    assert two.parent.upstreams == {}


def test_an_upstream_that_left_the_worker_leaves_nothing_behind(two):
    request(two.worker, 1)
    two.report()
    two.worker.keep_only(["r"], [])
    assert two.report()["upstreams"] == []


def test_a_route_that_left_and_came_back_is_counted_from_nothing(two):
    request(two.worker, 3)
    two.report()
    two.worker.keep_only([], ["u"])
    request(two.worker, 1)
    two.report()
    assert two.parent.route("r").requests == {(b"GET", 200, ""): 4}


def test_a_method_is_a_word_of_the_metric(two):
    two.parent.route("r").add(b"BREW", 200, "", 2)
    assert two.parent.route("r").requests == {(b"other", 200, ""): 2}


def test_whom_rejections_hit_is_the_parents_alone(two):
    two.report()
    for _ in range(3):
        two.worker.rejected.count("r", "acme", "p/all")
    two.report()
    assert two.parent.rejected.by_rule() == {"p/all": [("acme", 3)]}
    assert two.worker.rejected.by_rule() == {}


def test_a_shadow_that_began_again_is_counted_from_nothing(two):
    for _ in range(2):
        two.worker.count_shadow_rejection("p", "Gateway", "rate_limited")
    two.report()
    two.worker.keep_only_shadows(())
    two.worker.count_shadow_rejection("p", "Gateway", "rate_limited")
    two.report()
    assert two.parent.shadow_rejections == {("p", "Gateway", "rate_limited"): 3}


def test_requests_that_met_no_route_count_though_no_configuration_names_them(two):
    two.worker.route(NO_ROUTE).count(b"GET", 503, "overloaded")
    two.worker.route(NO_ROUTE).duration.observe(0.1)
    two.report()
    assert two.parent.route(NO_ROUTE).requests == {(b"GET", 503, "overloaded"): 1}
