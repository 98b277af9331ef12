"""Fixtures for all tests."""

import asyncio
import signal

from hypothesis import HealthCheck, settings

from tests.fakes.quiet_forks import fork_without_collector

# A busy machine makes inputs slowly, which says nothing about the code; what a test asks for itself holds.
settings.register_profile("tidegate", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("tidegate")


def pytest_configure() -> None:
    fork_without_collector()
    # pytest-asyncio asks for the current loop before it makes its own, which on 3.11 leaves one open.
    asyncio.set_event_loop(None)
    # Started in the background of a script, Ctrl-C is ignored here and by every child: tests send it to some.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
