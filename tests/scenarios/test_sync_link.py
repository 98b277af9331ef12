"""Settings that come from the cluster by the link to the operator."""

import base64
import json
import logging
import ssl
from typing import Any

import pytest
import trustme

from app.config.sync.messages import ApplyResult
from app.config.sync.snapshot import pack
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.specs import in_force, limit, timeout
from tests.fakes.sync_server import IN_POD, LINEAGE, OTHER_LINEAGE, SyncServer, entry
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until


def sequence(gateway):
    applied = gateway.snapshots.applied
    return applied.sequence if applied is not None else 0


async def statuses(gateway, count):
    async with RawClient(gateway.port) as client:
        return [(await client.request("GET", "/x")).status for _ in range(count)]


async def test_a_snapshot_is_put_in_force_and_acknowledged(tmp_path):
    async with (
        RecorderUpstream() as upstream,
        SyncServer() as server,
        running_gateway(upstream.url, CONTROL_PLANE_URL=server.url, **IN_POD) as gateway,
    ):
        await server.give(entry("orders", limit(2)))
        assert await statuses(gateway, 3) == [200, 200, 429]
        said = server.heard[-1].request
        assert (said.instance.pod_name, said.instance.pod_uid) == ("gw-1", IN_POD["POD_UID"])
        assert said.instance.namespace == "shop"
        assert said.applied is not None
        assert said.attempt is not None
        assert said.applied.lineage == LINEAGE
        assert said.attempt.result is ApplyResult.APPLIED
        assert said.targets.routes == ("default",)
        assert said.targets.upstreams == ("cache",)
        assert [breaker.name for breaker in said.breakers] == ["cache"]
        assert said.wait_s == 25


async def test_an_edit_reaches_the_gateway_at_once_through_the_parked_poll(tmp_path):
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("1s")))
        calls_before = len(server.heard)
        await server.give(entry("orders", timeout("2s"), 2))
        assert (
            len(server.heard) == calls_before + 1
        )  # the acknowledgement: the edit went out on the parked call
        assert in_force(gateway) == (2.0, "shop/orders")
        calls = [heard.request.instance.call for heard in server.heard]
        assert calls == sorted(set(calls))


async def test_one_policy_that_is_not_understood_is_reported_and_the_rest_applies(caplog):
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        odd = entry("newer", {"retry": {"attempts": 1, "hedge": True}}, 7)
        with caplog.at_level(logging.ERROR, "tidegate.config"):
            await server.give(odd, entry("orders", timeout("3s")))
        assert in_force(gateway) == (3.0, "shop/orders")
        attempt = server.heard[-1].request.attempt
        assert attempt is not None
        assert attempt.result is ApplyResult.PARTIAL
        assert [(error.uid, error.generation) for error in attempt.errors] == [("uid-newer", 7)]
        assert "spec.retry.hedge: is not a known key" in attempt.errors[0].message
        assert "policy uid-newer, generation 7, not understood, left out" in caplog.text


async def test_a_lower_sequence_of_the_lineage_is_ignored():
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("5s")), sequence=5)
        await server.publish(server.snapshot(entry("orders", timeout("4s")), sequence=4))
        await until(lambda: gateway.counts.sync_errors.get("not_taken", 0) >= 1, "the refusal")
        assert in_force(gateway) == (5.0, "shop/orders")
        assert sequence(gateway) == 5


async def test_another_lineage_is_taken_only_where_it_says_that_it_replaced_ours():
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("5s")), sequence=5)
        await server.publish(
            server.snapshot(entry("orders", timeout("9s")), sequence=9, lineage=OTHER_LINEAGE)
        )
        refused = await server.attempted(lambda said: said.lineage == OTHER_LINEAGE, "the refusal to be told")
        assert refused.result is ApplyResult.REJECTED
        assert in_force(gateway) == (5.0, "shop/orders")
        await server.publish(
            server.snapshot(
                entry("orders", timeout("1s")), sequence=1, lineage=OTHER_LINEAGE, replaces=[LINEAGE]
            )
        )
        await until(lambda: in_force(gateway) == (1.0, "shop/orders"), "the new lineage")


async def test_an_empty_snapshot_is_believed_only_with_the_flag():
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("5s")))
        await server.publish(server.snapshot(complete=False))
        await server.attempted(lambda said: "not made from a complete list" in said.message, "the refusal")
        assert in_force(gateway) == (5.0, "shop/orders")
        await server.give(complete=True)
        assert in_force(gateway) == (30.0, "built-in")


async def test_a_snapshot_that_was_cut_keeps_the_last_good_one_and_is_told():
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("5s")))
        next_one = server.snapshot(entry("orders", timeout("6s"), 2))
        cut = pack(next_one)[:-9]
        await server.publish(next_one, packed=cut)
        await until(lambda: gateway.counts.sync_errors.get("bad_snapshot", 0) >= 1, "the fault")
        assert in_force(gateway) == (5.0, "shop/orders")
        assert gateway.counts.config_applies["rejected"] >= 1
        await server.publish(next_one)
        await server.applied(next_one.sequence)


async def test_a_snapshot_of_a_newer_schema_is_refused_with_its_number():
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("5s")))
        body = {"schemaVersion": 2, "lineage": LINEAGE, "sequence": 2, "new": []}
        await server.publish(server.snapshot(), packed=json.dumps(body).encode())
        refused = await server.attempted(lambda said: said.result is ApplyResult.REJECTED, "the refusal")
        assert (refused.lineage, refused.sequence) == (LINEAGE, 2)
        assert "this gateway understands 1: upgrade it" in refused.message
        assert in_force(gateway) == (5.0, "shop/orders")


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (503, "unavailable"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (409, "replayed"),
        (500, "status"),
        (b"", "reset"),
        (b"garbage\r\n\r\n", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nhalf", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1600000\r\n\r\n" + b"x" * 1_600_000, "too_large"),
    ],
)
async def test_the_link_comes_back_after_a_fault_and_counts_it(fault, word):
    async with SyncServer() as server:
        server.faults = [fault]
        async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
            await server.publish(server.snapshot(entry("orders", timeout("5s"))))
            await until(lambda: sequence(gateway) == 1, "the snapshot")
            assert gateway.counts.sync_errors == {word: 1}


async def test_the_operator_away_and_back_changes_nothing_but_the_metric():
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
        await server.give(entry("orders", timeout("5s")))
        await server.stop()
        await until(lambda: gateway.counts.sync_errors.get("connect", 0) >= 2, "failed calls")
        assert in_force(gateway) == (5.0, "shop/orders")
        await server.start()
        await server.give(entry("orders", timeout("6s"), 2))
        assert in_force(gateway) == (6.0, "shop/orders")


async def test_the_token_is_sent_and_read_again_when_it_is_renewed(tmp_path):
    token = tmp_path / "token"
    token.write_text("first-token\n")
    async with SyncServer() as server:
        variables: dict[str, Any] = {"CONTROL_PLANE_TOKEN_FILE": str(token), **IN_POD}
        async with running_gateway(CONTROL_PLANE_URL=server.url, **variables):
            await server.give(entry("orders", timeout("5s")))
            token.write_text("second-token\n")
            await server.give(entry("orders", timeout("6s"), 2))
            await server.give(entry("orders", timeout("7s"), 3))
        said = [heard.headers["authorization"] for heard in server.heard]
        assert said[0] == "Bearer first-token"
        assert said[-1] == "Bearer second-token"


async def test_a_token_that_cannot_be_read_is_counted_and_never_shown(tmp_path, caplog):
    variables: dict[str, Any] = {"CONTROL_PLANE_TOKEN_FILE": str(tmp_path / "none"), **IN_POD}
    async with SyncServer() as server:
        with caplog.at_level(logging.WARNING, "tidegate.sync"):
            async with running_gateway(CONTROL_PLANE_URL=server.url, **variables) as gateway:
                await until(lambda: gateway.counts.sync_errors.get("token", 0) >= 1, "the fault")
        assert "cannot be read" in caplog.text
        assert server.heard == []


def tls_server(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_the_ca_is_looked_at_again_until_it_is_the_right_one(tmp_path):
    authority, stranger = trustme.CA(), trustme.CA()
    ca_file = tmp_path / "ca.crt"
    async with SyncServer(tls_server(authority)) as server:
        variables: dict[str, Any] = {"CONTROL_PLANE_CA_FILE": str(ca_file), **IN_POD}
        async with running_gateway(CONTROL_PLANE_URL=server.url, **variables) as gateway:
            errors = gateway.counts.sync_errors
            await until(lambda: errors.get("ca", 0) >= 1, "the absent file to be counted")
            stranger.cert_pem.write_to_path(str(ca_file))
            await until(lambda: errors.get("connect", 0) >= 1, "the foreign CA to be counted")
            assert server.heard == []
            authority.cert_pem.write_to_path(str(ca_file))
            await server.publish(server.snapshot(entry("orders", timeout("5s"))))
            await until(lambda: in_force(gateway) == (5.0, "shop/orders"), "the snapshot")


async def test_a_ca_that_is_written_again_as_it_was_ends_no_connection(tmp_path):
    """As the kubelet does with every snapshot, for both are in one ConfigMap: all polls failed, and waited."""
    authority, handshakes = trustme.CA(), list[str]()
    context, ca_file = tls_server(authority), tmp_path / "ca.crt"
    context.sni_callback = lambda _, name, __: handshakes.append(str(name))
    authority.cert_pem.write_to_path(str(ca_file))
    variables: dict[str, Any] = {"CONTROL_PLANE_CA_FILE": str(ca_file), **IN_POD}
    async with (
        SyncServer(context) as server,
        running_gateway(CONTROL_PLANE_URL=server.url, **variables) as gateway,
    ):
        for seconds in (5, 6):
            await server.give(entry("orders", timeout(f"{seconds}s")))
        before = len(handshakes)
        for seconds in (7, 8):
            authority.cert_pem.write_to_path(str(tmp_path / "new"))
            (tmp_path / "new").replace(ca_file)
            await server.give(entry("orders", timeout(f"{seconds}s")))
        assert in_force(gateway) == (8.0, "shop/orders")
        assert len(handshakes) == before
        assert not gateway.counts.sync_errors


async def test_the_namespace_is_that_of_the_token_where_none_is_given(tmp_path):
    claims = base64.urlsafe_b64encode(json.dumps({"kubernetes.io": {"namespace": "shop"}}).encode())
    (tmp_path / "token").write_bytes(b"head." + claims.rstrip(b"=") + b".sign")
    variables: dict[str, Any] = {"CONTROL_PLANE_TOKEN_FILE": str(tmp_path / "token"), "BOOTSTRAP_GRACE": "0s"}
    async with SyncServer() as server:
        async with running_gateway(CONTROL_PLANE_URL=server.url, **variables) as gateway:
            mine, other = entry("a", timeout("5s")), entry("b", timeout("6s"), namespace="elsewhere")
            await server.give(other, mine)
            assert in_force(gateway) == (5.0, "shop/a")
        assert server.heard[-1].request.instance.namespace == "shop"


async def test_a_gateway_hears_only_what_is_meant_for_its_name():
    async with SyncServer() as server:
        variables: dict[str, Any] = {"GATEWAY_NAME": "edge", **IN_POD}
        async with running_gateway(CONTROL_PLANE_URL=server.url, **variables) as gateway:
            inner = {"targetRefs": [{"kind": "Gateway", "name": "inner"}], **timeout("5s")}
            edge = {"targetRefs": [{"kind": "Gateway", "name": "edge"}], **timeout("6s")}
            await server.give(entry("inner", inner), entry("edge", edge))
            assert in_force(gateway) == (6.0, "shop/edge")


async def test_transitions_are_reported_within_a_second_with_the_policy_in_force():
    async with (
        RecorderUpstream() as upstream,
        SyncServer() as server,
        running_gateway(upstream.url, CONTROL_PLANE_URL=server.url, **IN_POD) as gateway,
    ):
        await server.give(entry("orders", {"circuitBreaker": {"consecutiveFailures": 1}}))
        upstream.reply(500)
        await statuses(gateway, 1)
        reports = lambda: [h.request for h in server.heard if h.path == "/v1/report"]  # noqa: E731
        await until(lambda: any(said.transitions for said in reports()), "the report", 1.0)
        (moved,) = next(said.transitions for said in reports() if said.transitions)
        assert (moved.name, moved.from_state, moved.to_state) == ("cache", "closed", "open")
        assert (moved.reason, moved.policies) == ("consecutive_failures", ("uid-orders",))
        (breaker,) = next(said.breakers for said in reports() if said.transitions)
        assert (breaker.state, breaker.policies) == ("open", ("uid-orders",))


async def test_a_report_that_failed_is_sent_again():
    async with (
        RecorderUpstream() as upstream,
        SyncServer() as server,
        running_gateway(upstream.url, CONTROL_PLANE_URL=server.url, **IN_POD) as gateway,
    ):
        await server.give(entry("orders", {"circuitBreaker": {"consecutiveFailures": 1}}))
        await until(lambda: server.heard[-1].request.applied is not None, "the parked poll")
        server.faults = [500, b""]
        upstream.reply(500)
        await statuses(gateway, 1)
        said = lambda: [h for h in server.heard if h.path == "/v1/report" and h.request.transitions]  # noqa: E731
        await until(lambda: len(said()) >= 3, "the third report")
        assert {h.request.transitions[0].number for h in said()} == {1}


async def test_one_poll_that_a_report_has_overtaken_is_no_line_in_the_log_and_two_are(caplog):
    with caplog.at_level(logging.WARNING, "tidegate.sync"):
        async with SyncServer() as server:
            server.faults = [409]
            async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD):
                await server.give(entry("orders", timeout("5s")))
            assert "replayed" not in caplog.text
            server.faults = [409, 409]
            async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD) as gateway:
                await until(lambda: gateway.counts.sync_errors.get("replayed", 0) == 2, "both")
            assert caplog.text.count("replayed: status 409") == 1


async def test_a_gateway_that_is_taken_for_its_former_self_speaks_as_another_boot():
    async with SyncServer() as server:
        server.faults = [409, 409]
        async with running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD):
            await server.give(entry("orders", timeout("5s")))
            boots = [heard.request.instance.boot_id for heard in server.heard]
            assert len(set(boots)) == 2
            assert boots[0] == boots[1] != boots[2]
            assert {heard.request.instance.pod_uid for heard in server.heard} == {IN_POD["POD_UID"]}


async def test_summaries_are_sent_while_somebody_looks_and_not_before_or_after(monkeypatch):
    monkeypatch.setattr("app.config.sources.operator.SHORTEST_PACE_S", 0.02)
    async with SyncServer() as server, running_gateway(CONTROL_PLANE_URL=server.url, **IN_POD):
        await server.give(entry("orders", timeout("7s")))
        assert server.heard[-1].request.sends_summaries is False
        assert server.summaries == []
        server.watch = "0.02"
        await server.publish(server.snapshot(entry("orders", timeout("8s"))))  # ends the parked poll
        await server.applied(2)
        await until(lambda: len(server.summaries) >= 3, "summaries")
        first = server.summaries[0]
        assert any('"8s"' in one.value or '"7s"' in one.value for one in first.settings)
        await until(lambda: server.summaries[-1].settings == (), "one without what the operator holds")
        assert [one.name for one in server.summaries[-1].breakers] == ["cache"]
        server.watch = None
        seen = len(server.summaries)
        await until(lambda: len(server.summaries) > seen, "the one whose reply says that nobody looks")
        seen = len(server.summaries)
        await server.give(entry("orders", timeout("9s")))
        assert len(server.summaries) <= seen + 1, "one may have been on its way"
        assert server.heard[-1].request.sends_summaries is False
