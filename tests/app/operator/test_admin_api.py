import pytest

from app.operator.admin_api import AdminApi
from app.operator.counts import LAG_BOUNDS_S, OperatorCounts
from app.operator.fleet import InstanceView, KnownTargets
from app.operator.metrics import METRICS, Reading, operator_metrics_table_markdown, render


class Inside:
    missing: tuple[str, ...] = ()

    def unready(self):
        return list(self.missing)

    def sequence(self):
        return 7

    def instances(self):
        return [InstanceView("shop", "gw-0", "edge", True, "applied", 7, 1.5, "", "0.1.0")]

    def targets(self):
        return {"shop": KnownTargets(frozenset({"edge"}), frozenset({"b", "a"}), frozenset())}

    def metrics(self):
        return render(counts(), Reading(7, 2_060, 3, {"applied": 1, "stale": 0}))


def counts():
    made = OperatorCounts()
    made.count_lag(0.07)
    made.count_lag(1_000.0)
    made.nacks["policy"] += 1
    made.sync_answers["/v1/sync", "409", "replayed"] += 2
    return made


async def get(path, method="GET", inside=None):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError

    await AdminApi(inside or Inside())({"type": "http", "path": path, "method": method}, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_it_lives():
    assert (await get("/livez"))[0] == 200


async def test_it_is_ready_when_nothing_is_missing():
    assert await get("/readyz") == (200, b'{"status":"ok","missing":[]}')


async def test_it_says_what_is_missing():
    inside = Inside()
    inside.missing = ("no list of policies completed yet",)
    status, body = await get("/readyz", inside=inside)
    assert (status, b"no list of policies" in body) == (503, True)


async def test_instances_are_told_with_the_newest_sequence():
    status, body = await get("/v1/instances")
    assert (status, b'"sequence":7' in body, b'"pod":"gw-0"' in body) == (200, True, True)


async def test_what_policies_may_name_is_told_by_namespace():
    expected = b'{"shop":{"gateways":["edge"],"routes":["a","b"],"upstreams":[]}}'
    assert await get("/v1/targets") == (200, expected)


@pytest.mark.parametrize(("path", "method", "status"), [("/x", "GET", 404), ("/livez", "POST", 405)])
async def test_other_paths_and_methods_are_refused(path, method, status):
    assert (await get(path, method))[0] == status


async def test_a_head_has_no_body():
    assert await get("/livez", "HEAD") == (200, b"")


async def test_what_is_no_http_is_let_go():
    async def nothing(*_):
        raise AssertionError

    await AdminApi(Inside())({"type": "lifespan"}, nothing, nothing)


@pytest.mark.parametrize(
    "line",
    [
        'tidegate_operator_policy_lag_seconds_bucket{le="0.1"} 1.0',
        'tidegate_operator_policy_lag_seconds_bucket{le="+Inf"} 2.0',
        "tidegate_operator_snapshot_sequence 7.0",
        'tidegate_operator_instances{state="applied"} 1.0',
        'tidegate_operator_nacks_total{reason="policy"} 1.0',
        'tidegate_operator_sync_requests_total{code="409",path="/v1/sync",reason="replayed"} 2.0',
        "tidegate_operator_watch_restarts_total 0.0",
    ],
)
async def test_a_scrape_tells(line):
    _, body = await get("/metrics")
    assert line in body.decode().splitlines()


def test_every_metric_has_a_row_in_the_documentation():
    table = operator_metrics_table_markdown()
    assert all(f"`{name}`" in table for name, *_ in METRICS)


def test_a_lag_on_a_bound_counts_below_it():
    made = OperatorCounts()
    made.count_lag(LAG_BOUNDS_S[0])
    assert made.lag_cells[0] == 1
