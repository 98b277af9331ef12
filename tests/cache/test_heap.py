"""Memory for values: large ones in mappings of their own."""

import ctypes

import pytest

from cache.heap import settle_heap


def test_this_machines_c_library_takes_the_setting():
    assert settle_heap()


def test_a_c_library_without_the_setting_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not settle_heap()
