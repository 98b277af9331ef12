"""Fixtures for all tests."""

import asyncio


def pytest_configure() -> None:
    # pytest-asyncio asks for the current loop before it makes its own, which on 3.11 leaves one open.
    asyncio.set_event_loop(None)
