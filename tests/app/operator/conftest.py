"""Fixtures of the operator's tests."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def sessions_of_kopf() -> Iterator[None]:
    """kopf leaves its HTTP session open where it is stopped amid its start; a process ends with it, a test goes on."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
