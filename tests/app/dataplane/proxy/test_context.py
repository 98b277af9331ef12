import asyncio
import re

from app.dataplane.proxy.context import Runtime
from app.limits.memory import MemoryLimiter
from app.settings import load_settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from tests.fakes.plans import plans_of


def runtime():
    return Runtime(
        load_settings({}),
        asyncio.get_running_loop(),
        plans_of("", auth="none"),
        MemoryLimiter(),
        Counts("test"),
        AccessLog("off"),
        (),
    )


async def test_request_ids_are_32_hex_digits_and_unlike_each_other():
    first, second = runtime(), runtime()
    ids = [each.request_id() for each in (first, second) for _ in range(100)]
    assert len(set(ids)) == 200
    assert all(re.fullmatch(b"[0-9a-f]{32}", each) for each in ids)


async def test_the_date_is_that_of_rfc_9110():
    known = runtime()
    known.set_date(784_111_777)
    assert known.date_line == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


async def test_a_fault_inside_is_nobodys_until_somebody_asks_for_it():
    known = runtime()
    known.on_internal_error(RuntimeError("a slip"))
    assert known.counts.internal_errors == 0
