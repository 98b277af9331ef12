import asyncio


def pytest_configure():
    """looptime asks the loop policy for a loop in plain tests too; that would make one nobody closes."""
    asyncio.set_event_loop(None)
