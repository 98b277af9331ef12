"""Scenarios run on uvloop, as the gateway does; those that hold for any protocol of clients run with each."""

import inspect
import os
import re

import pytest
import uvloop

from tests.fakes.either_client import EitherClient
from tests.fakes.issued_certificate import IssuedCertificate

OF_BOTH_PROTOCOLS = {
    "test_config_history",
    "test_credentials",
    "test_decisions",
    "test_filters",
    "test_inverse",
    "test_keys",
    "test_limits",
    "test_live_edits",
    "test_own_pages",
    "test_paths",
    "test_problems",
    "test_rejections_mixed",
    "test_reload",
    "test_route_timing",
    "test_routes",
    "test_shadow_mode",
    "test_shared_limits",
    "test_telemetry",
    "test_upstream_balance",
    "test_upstream_bodies",
    "test_upstream_breaker",
    "test_upstream_names",
    "test_upstream_retry",
    "test_upstream_timeouts",
    "test_wire_reasons",
}
"""Their clients' requests are made by `RawClient.request`, which says nothing of framing."""

OF_HTTP1 = re.compile(r"\.(send|read_\w+|half_close|expect_closed|reader|writer)\b")
"""What a test does that writes or reads HTTP/1.1 itself: it runs with that only."""


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


def pytest_generate_tests(metafunc):
    of_both = metafunc.module.__name__.rpartition(".")[2] in OF_BOTH_PROTOCOLS
    if of_both and not OF_HTTP1.search(inspect.getsource(metafunc.function)):
        with_workers = "TIDEGATE_TEST_WORKERS" in os.environ  # what a client speaks ends in its worker
        protocols = ["HTTP/1.1"] if with_workers else ["HTTP/1.1", "HTTP/2"]
        metafunc.parametrize("client_protocol", protocols, indirect=True)


@pytest.fixture(autouse=True)
def client_protocol(request, monkeypatch):
    """What the clients of the test speak on the public port."""
    protocol = getattr(request, "param", "HTTP/1.1")
    if protocol == "HTTP/2" and hasattr(request.module, "RawClient"):
        monkeypatch.setattr(request.module, "RawClient", EitherClient)
    return protocol


@pytest.fixture(params=["clear", "tls"])
def secured(request, tmp_path):
    """The certificate of the public port; None for a port in clear."""
    return IssuedCertificate(tmp_path) if request.param == "tls" else None


def pytest_collection_modifyitems(items):
    """Where every gateway has several processes, tests of what only one can show are left out."""
    if "TIDEGATE_TEST_WORKERS" not in os.environ:
        return
    for item in items:
        for mark in item.iter_markers("one_process"):
            item.add_marker(pytest.mark.skip(reason=f"one process: {mark.args[0]}"))
