import asyncio
import re

from app.dataplane.proxy.context import MAX_PEERS, Observers, ProxyContext
from app.limits.memory import MemoryLimiter
from app.settings import load_settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from tests.fakes.plans import plans_of

faults: list[BaseException] = []


def context(**environment):
    return ProxyContext(
        load_settings(environment),
        asyncio.get_running_loop(),
        plans_of("", auth="none"),
        MemoryLimiter(),
        Observers(Counts("test"), AccessLog("off"), None, faults.append),
    )


async def test_request_ids_are_32_hex_digits_and_unlike_each_other():
    first, second = context(), context()
    ids = [each.request_id() for each in (first, second) for _ in range(100)]
    assert len(set(ids)) == 200
    assert all(re.fullmatch(b"[0-9a-f]{32}", each) for each in ids)


async def test_the_date_is_that_of_rfc_9110():
    known = context()
    known.set_date(784_111_777)
    assert known.date_line == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


async def test_a_fault_inside_goes_to_who_observes():
    slip = RuntimeError("a slip")
    context().on_internal_error(slip)
    assert faults.pop() is slip


async def test_connections_of_one_address_share_what_is_said_of_it():
    known = context(TRUSTED_PROXIES="10.0.0.0/8")
    first = known.peer("192.0.2.1", "http")
    assert known.peer("192.0.2.1", "http") is first
    assert known.peer("192.0.2.1", "https") is not first
    assert (first.peer_ip, first.scheme) == ("192.0.2.1", b"http")


async def test_only_so_many_addresses_are_remembered():
    known = context()
    first = known.peer("192.0.2.1", "http")
    for number in range(MAX_PEERS):
        known.peer(f"10.0.{number // 256}.{number % 256}", "http")
    assert known.peer("192.0.2.1", "http") is not first


async def test_via_is_the_settings():
    assert context().peer("192.0.2.1", "http").via == b"1.1 tidegate"
    assert context(VIA="off").peer("192.0.2.1", "http").via == b""
