import asyncio

import pytest

from tests.fakes.waiting import without_waiting


async def test_what_has_nothing_to_wait_for_ends_at_once():
    async def ready() -> int:
        return 7

    assert without_waiting(ready()) == 7


async def test_what_waits_is_named():
    async def slow() -> None:
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match=r"slow.* waits"):
        without_waiting(slow())
