import asyncio

from app.config.model import Endpoint, HealthCheck, Upstream, UpstreamName
from app.dataplane.codec.credential import Credential
from app.dataplane.upstream import upstream as running
from app.dataplane.upstream.health_check import EndpointChecks
from tests.fakes import answers
from tests.fakes.grpc_peer import GrpcUpstream
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

CHECK = HealthCheck("/ready", interval_s=3.0, timeout_s=0.3, unhealthy=2, healthy=1)


def checked(*ports: int, check: HealthCheck | None = CHECK) -> tuple[running.Upstream, EndpointChecks]:
    endpoints = tuple(Endpoint("127.0.0.1", port) for port in ports)
    model = Upstream(UpstreamName("main"), endpoints, health_check=check)
    upstream = running.Upstream(model, asyncio.get_running_loop(), lambda *_: None)
    return upstream, EndpointChecks(lambda: [upstream])


async def rounds(checks: EndpointChecks, *times_s: float) -> None:
    for now_s in times_s:
        checks.start_due(now_s)
        await until(lambda: not checks._running, "the round to end")


async def test_an_endpoint_goes_out_after_as_many_bad_checks_as_the_check_says():
    async with RecorderUpstream() as ill:
        ill.default = answers.reply(500)
        upstream, checks = checked(ill.port)
        await rounds(checks, 0.0)
        assert upstream.states[0].check_ok
        await rounds(checks, 3.0)
        assert not upstream.states[0].check_ok


async def test_a_good_check_brings_it_back():
    async with RecorderUpstream() as ill:
        ill.reply(500)
        ill.reply(302)
        upstream, checks = checked(ill.port)
        await rounds(checks, 0.0, 3.0)
        assert not upstream.states[0].check_ok
        await rounds(checks, 6.0)
        assert upstream.states[0].check_ok


async def test_no_connection_no_answer_and_garbage_are_bad():
    async with RecorderUpstream() as silent, RecorderUpstream() as odd:
        silent.default = answers.never()
        odd.default = answers.raw(b"garbage\r\n\r\n", close=True)
        upstream, checks = checked(free_port(), silent.port, odd.port)
        await rounds(checks, 0.0, 3.0)
        assert [state.check_ok for state in upstream.states] == [False] * 3


async def test_an_endless_body_does_not_hold_the_round():
    async with RecorderUpstream() as endless:
        endless.default = answers.pieces(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", asyncio.Event()
        )
        upstream, checks = checked(endless.port)
        await rounds(checks, 0.0)
        assert upstream.states[0].check_ok


async def test_it_checks_again_only_after_the_interval():
    async with RecorderUpstream() as well:
        _, checks = checked(well.port)
        await rounds(checks, 0.0, 1.0, 2.9)
        assert len(well.requests) == 1


async def test_a_round_that_still_runs_is_not_started_twice():
    async with RecorderUpstream() as silent:
        silent.default = answers.never()
        _, checks = checked(silent.port)
        checks.start_due(0.0)
        checks.start_due(10.0)
        await silent.wait_for(1)
        assert len(checks._running) == 1
        await checks.stop()
        assert len(silent.requests) == 1


async def test_an_upstream_without_a_check_is_left_alone():
    async with RecorderUpstream() as well:
        _, checks = checked(well.port, check=None)
        await rounds(checks, 0.0)
        assert well.requests == []


async def test_a_check_carries_the_upstreams_credential():
    async with RecorderUpstream() as guarded:
        upstream, checks = checked(guarded.port)
        upstream.credential = Credential(b"authorization", b"Bearer secret")
        await rounds(checks, 0.0)
        assert guarded.requests[0].get("authorization") == "Bearer secret"


async def test_a_round_that_fails_inside_is_told_and_the_next_one_comes(caplog):
    upstream, checks = checked(free_port())
    upstream.addresses = [None]  # type: ignore[list-item]
    await rounds(checks, 0.0)
    assert [record.getMessage() for record in caplog.records] == ["endpoint check failed inside"]
    upstream.addresses = []
    await rounds(checks, 3.0)
    assert len(caplog.records) == 1


async def test_a_check_by_grpc_takes_out_what_does_not_serve():
    by_grpc = HealthCheck(timeout_s=20.0, unhealthy=1, grpc_service="orders")
    with GrpcUpstream() as well, GrpcUpstream() as ill:
        well.healths["orders"] = True
        upstream, checks = checked(well.port, ill.port, check=by_grpc)
        await rounds(checks, 0.0)
        assert [state.check_ok for state in upstream.states] == [True, False]
        ill.healths["orders"] = True
        await rounds(checks, 100.0)
        assert [state.check_ok for state in upstream.states] == [True, True]
