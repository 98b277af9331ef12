import asyncio
from typing import Any

import pytest

from app.config.sync.message_codec import encode_request
from app.config.sync.messages import REPORT_PATH, SYNC_PATH
from app.config.sync.newest import (
    CERTIFICATES_PATH,
    ENDPOINTS_PATH,
    NOTHING_HELD,
    CertificatePem,
    NewestRequest,
)
from app.config.sync.newest_codec import ENDPOINTS, decode_delta, encode_newest_request
from app.config.sync.summary import SUMMARY_PATH, SettingInForce, Summary
from app.config.sync.summary_codec import MAX_SUMMARY_BYTES, encode_summary
from app.operator.clock import Clock
from app.operator.kube.resources import TokenBearer
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator, running
from tests.fakes.waiting import until


async def test_parked_polls_get_their_response_when_the_operator_ends():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        await until(lambda: operator.state.policies.has_synced, "the list")
        await operator.sync(gateway)
        parked = asyncio.ensure_future(operator.sync(gateway, 25))
        await asyncio.sleep(0)
        operator.state.served.close()
        assert (await parked).status == 204


async def test_a_poll_whose_client_disconnected_ends():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        await until(lambda: operator.state.policies.has_synced, "the list")
        await operator.sync(gateway)
        parked = asyncio.ensure_future(operator.sync(gateway, 25))
        await asyncio.sleep(0)
        operator.disconnect.set()
        assert (await parked).status == 204


async def test_responses_say_how_many_gateways_share_the_traffic():
    async with running() as operator:
        first, _ = operator.gateway("gw-0"), operator.gateway("gw-1")
        await until(lambda: operator.state.fleet.count_in("shop") == 2, "both")
        assert (await operator.sync(first)).headers["tidegate-gateways"] == "2"


async def test_before_the_first_snapshot_a_gateway_is_asked_to_retry():
    cluster = FakeCluster()
    cluster.unavailable = True
    operator = HandDrivenOperator(cluster)
    gateway = operator.gateway("gw-0")
    cluster.unavailable = False
    response = await operator.sync(gateway)
    assert (response.status, response.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("secret", 401), ("a.b.unknown", 401), ("a.b.other-account", 403), ("a.b.elsewhere", 403)],
)
async def test_a_stranger_is_rejected_before_its_body_is_read(token, status):
    operator = HandDrivenOperator(FakeCluster())
    operator.cluster.tokens["a.b.other-account"] = TokenBearer("shop", "other", "p", "u")
    operator.cluster.tokens["a.b.elsewhere"] = TokenBearer("elsewhere", "gateway", "p", "u")
    assert (await operator.post(SYNC_PATH, b"not even JSON", token)).status == status


@pytest.mark.parametrize(
    ("namespace", "account", "status"),
    [
        ("shop", "gateway", 400),
        ("team", "edge", 400),
        ("team", "gateway", 403),
        ("shop", "edge", 403),
        ("evil", "gateway", 403),
        ("evil", "edge", 403),
    ],
)
async def test_a_service_account_of_the_same_name_elsewhere_is_a_stranger(namespace, account, status):
    """The owner of a namespace can create a service account of any name in it; 400 is about the body."""
    operator = HandDrivenOperator(FakeCluster())
    operator.api = operator.sync_api("gateway", "team/edge")
    operator.cluster.tokens["a.b.c"] = TokenBearer(namespace, account, "p", "u")
    assert (await operator.post(SYNC_PATH, b"not even JSON", "a.b.c")).status == status


async def test_wrong_tokens_are_reviewed_ten_times_a_second_and_right_ones_pass():
    now = [1_000.0]
    operator = HandDrivenOperator(FakeCluster(), Clock(lambda: now[0], lambda: 1_800_000_000.0))
    mine = operator.gateway("gw-0")
    assert (await operator.sync(mine)).status == 503
    statuses = [(await operator.post(SYNC_PATH, b"", f"a.b.guess-{number}")).status for number in range(50)]
    assert statuses == [401] * 10 + [429] * 40
    assert operator.cluster.calls["review"] == 11
    assert (await operator.sync(mine)).status == 503  # as before: no list completed yet
    now[0] += 1.0
    assert (await operator.post(SYNC_PATH, b"", "a.b.guess")).status == 401


async def test_another_pods_acknowledgement_is_rejected_and_counted():
    operator = HandDrivenOperator(FakeCluster())
    mine, other = operator.gateway("gw-0"), operator.gateway("gw-1")
    response = await operator.post(SYNC_PATH, encode_request(other.request()), f"a.b.{mine.pod.uid}")
    assert response.status == 403
    assert operator.counts.sync_responses[SYNC_PATH, "403", "other_instance"] == 1


async def test_a_replayed_acknowledgement_is_rejected_and_counted():
    operator = HandDrivenOperator(FakeCluster())
    mine = operator.gateway("gw-0")
    body = encode_request(mine.request())
    statuses = [(await operator.post(REPORT_PATH, body, f"a.b.{mine.pod.uid}")).status for _ in range(2)]
    assert statuses == [204, 409]
    assert operator.counts.sync_responses[REPORT_PATH, "409", "replayed"] == 1


async def test_a_malformed_body_is_rejected_with_its_faults():
    operator = HandDrivenOperator(FakeCluster())
    mine = operator.gateway("gw-0")
    response = await operator.post(SYNC_PATH, b'{"instance": 5}', f"a.b.{mine.pod.uid}")
    assert (response.status, b"instance: is a number" in response.body) == (400, True)


async def test_a_body_that_is_too_large_is_rejected():
    operator = HandDrivenOperator(FakeCluster())
    mine = operator.gateway("gw-0")
    assert (await operator.post(SYNC_PATH, bytes(3 << 20), f"a.b.{mine.pod.uid}")).status == 413


async def test_nobody_is_verified_while_the_api_server_is_unavailable():
    operator = HandDrivenOperator(FakeCluster())
    mine = operator.gateway("gw-0")
    operator.cluster.unavailable = True
    assert (await operator.sync(mine)).status == 503


async def test_a_token_is_reviewed_once():
    operator = HandDrivenOperator(FakeCluster())
    mine = operator.gateway("gw-0")
    for _ in range(3):
        await operator.sync(mine, path=REPORT_PATH)
    assert operator.cluster.calls["review"] == 1


@pytest.mark.parametrize(("path", "method", "status"), [("/", "POST", 404), (SYNC_PATH, "GET", 405)])
async def test_other_paths_and_methods_are_rejected(path, method, status):
    assert (await HandDrivenOperator(FakeCluster()).post(path, method=method)).status == status


async def test_other_scopes_of_asgi_are_ignored():
    operator = HandDrivenOperator(FakeCluster())
    sent: list[Any] = []

    async def nothing() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await operator.api({"type": "lifespan"}, nothing, send)
    assert sent == []


def look(operator):
    operator.state.fleet.look(operator.state.clock.now_s())


async def test_while_somebody_looks_every_reply_says_so():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        await until(lambda: operator.state.policies.has_synced, "the list")
        assert "tidegate-watch" not in (await operator.sync(gateway)).headers
        look(operator)
        assert (await operator.sync(gateway)).headers["tidegate-watch"] == "2"
        assert (await operator.sync(gateway, path=REPORT_PATH)).headers["tidegate-watch"] == "2"


@pytest.mark.parametrize("sends", [True, False])
async def test_a_parked_poll_ends_when_somebody_begins_to_look(sends):
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        await until(lambda: operator.state.policies.has_synced, "the list")
        await operator.sync(gateway)
        gateway.sends_summaries = sends
        parked = asyncio.ensure_future(operator.sync(gateway, 25))
        await asyncio.sleep(0)
        look(operator)
        response = await parked
        assert (response.status, response.headers["tidegate-watch"]) == (204, "2")


async def test_a_gateway_that_does_not_know_yet_is_told_at_once_and_another_stays_parked():
    async with running() as operator:
        unaware, aware, old = (operator.gateway(f"gw-{number}") for number in range(3))
        await until(lambda: operator.state.policies.has_synced, "the list")
        for gateway in (unaware, aware, old):
            await operator.sync(gateway)
        unaware.sends_summaries, aware.sends_summaries = False, True
        look(operator)
        parked = [asyncio.ensure_future(operator.sync(one, 25)) for one in (aware, old)]
        assert (await operator.sync(unaware, 25)).status == 204
        assert not any(one.done() for one in parked)
        operator.state.served.close()
        await asyncio.gather(*parked)


async def test_an_old_gateway_stays_parked_when_somebody_begins_to_look():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        await until(lambda: operator.state.policies.has_synced, "the list")
        await operator.sync(gateway)
        parked = asyncio.ensure_future(operator.sync(gateway, 25))
        await asyncio.sleep(0)
        look(operator)
        await asyncio.sleep(0.05)
        assert not parked.done()
        operator.disconnect.set()
        await parked


async def test_a_summary_is_that_of_the_tokens_pod_and_the_reply_says_which_settings_are_held():
    async with running() as operator:
        first, second = operator.gateway("gw-0"), operator.gateway("gw-1")
        await until(lambda: operator.state.policies.has_synced, "the list")
        for gateway in (first, second):
            await operator.sync(gateway)
        look(operator)
        summary = Summary(1.0, 3, "d1", settings=(SettingInForce("Route/a", "timeout", "7s"),))
        response = await operator.post(SUMMARY_PATH, encode_summary(summary), "a.b.uid-gw-0")
        assert (response.status, response.headers["tidegate-settings"]) == (204, "d1")
        assert response.headers["tidegate-watch"] == "2"
        views = operator.state.fleet.instances("", 0, operator.state.clock.now_s())
        assert [(one.pod, one.heard is not None) for one in views] == [("gw-0", True), ("gw-1", False)]


@pytest.mark.parametrize(
    ("body", "token", "status"),
    [(b"{}", "a.b.uid-gw-0", 400), (b" " * (MAX_SUMMARY_BYTES + 1), "a.b.uid-gw-0", 413), (b"{}", "", 401)],
)
async def test_a_bad_summary_is_rejected(body, token, status):
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    assert (await operator.post(SUMMARY_PATH, body, token)).status == status


ADDRESSES = {"service/shop/orders/80": (("10.0.0.5", 8080),)}


async def poll_endpoints(operator, held=NOTHING_HELD, wait_s=25):
    body = encode_newest_request(NewestRequest(held, wait_s))
    return await operator.post(ENDPOINTS_PATH, body, "a.b.uid-gw-0")


async def test_endpoints_are_sent_as_soon_as_they_are_known():
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    parked = asyncio.ensure_future(poll_endpoints(operator))
    await asyncio.sleep(0)
    operator.state.feeds.endpoints.replace(ADDRESSES)
    response = await parked
    assert (response.status, response.headers["content-type"]) == (200, "application/gzip")
    assert decode_delta(ENDPOINTS, response.body).values == ADDRESSES


async def test_a_poll_for_what_is_held_already_ends_with_its_time():
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    feed = operator.state.feeds.endpoints
    feed.replace(ADDRESSES)
    assert (await poll_endpoints(operator, feed.held, wait_s=0)).status == 204


@pytest.mark.parametrize("how", ["the client goes", "the operator ends"])
async def test_a_poll_for_endpoints_ends(how):
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    parked = asyncio.ensure_future(poll_endpoints(operator))
    await asyncio.sleep(0)
    if how == "the client goes":
        operator.disconnect.set()
    else:
        operator.state.feeds.close()
    assert (await parked).status == 204


@pytest.mark.parametrize("path", [ENDPOINTS_PATH, CERTIFICATES_PATH])
async def test_gateways_of_another_namespace_get_neither_endpoints_nor_keys(path):
    operator = HandDrivenOperator(FakeCluster())
    operator.api = operator.sync_api("gateway", "team/edge")
    operator.state.feeds.certificates.replace({"secret/shop/cert": CertificatePem("CERT", "KEY")})
    operator.cluster.tokens["a.b.c"] = TokenBearer("team", "edge", "p", "u")
    response = await operator.post(path, encode_newest_request(NewestRequest()), "a.b.c")
    assert (response.status, b"KEY" in response.body) == (403, False)
    assert (await operator.post(path, b"{}", "")).status == 401


async def test_a_malformed_poll_for_endpoints_is_rejected():
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    assert (await operator.post(ENDPOINTS_PATH, b"no JSON", "a.b.uid-gw-0")).status == 400


async def test_more_endpoints_than_one_response_holds_are_logged(monkeypatch, caplog):
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    operator.state.feeds.endpoints.replace(ADDRESSES)
    monkeypatch.setattr("app.config.sync.newest_codec.MAX_DELTA_BYTES", 10)
    assert (await poll_endpoints(operator)).status == 503
    assert "gateways keep what they have" in caplog.text
