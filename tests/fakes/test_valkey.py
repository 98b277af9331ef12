"""The fake keeps what it says: a real server that starts, dies, comes back and stands still."""

import socket
from pathlib import Path

import pytest
import redis as redis_py

from tests.fakes.valkey import Valkey, eventually


def client(valkey: Valkey) -> "redis_py.Redis":
    return redis_py.Redis.from_url(valkey.url, socket_timeout=0.2)


def test_it_serves_as_soon_as_it_is_started(tmp_path):
    with Valkey(tmp_path) as valkey, client(valkey) as redis:
        assert redis.ping()


def test_append_only_data_survives_kill_9(tmp_path):
    with Valkey(tmp_path, append_only=True) as valkey, client(valkey) as redis:
        redis.set("a", "1")
        valkey.kill()
        valkey.start()
        assert redis.get("a") == b"1"


def test_without_append_only_data_is_gone_after_kill_9(tmp_path):
    with Valkey(tmp_path) as valkey, client(valkey) as redis:
        redis.set("a", "1")
        valkey.kill()
        valkey.start()
        assert redis.get("a") is None


def test_a_password_is_wanted_and_is_in_the_url(tmp_path):
    with Valkey(tmp_path, password="secret") as valkey, client(valkey) as redis:
        assert redis.ping()
        with (
            redis_py.Redis(port=valkey.port) as stranger,
            pytest.raises(redis_py.exceptions.AuthenticationError),
        ):
            stranger.ping()


def test_frozen_it_answers_nothing_until_thawed(tmp_path):
    with Valkey(tmp_path) as valkey, client(valkey) as redis:
        valkey.freeze()
        with pytest.raises(redis_py.exceptions.TimeoutError):
            redis.ping()
        valkey.thaw()
        assert redis.ping()


def test_stopped_it_listens_no_more_and_keeps_its_port(tmp_path):
    with Valkey(tmp_path) as valkey:
        port = valkey.port
        valkey.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=0.5)
        assert valkey.start().port == port


def test_a_server_that_cannot_start_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?i)bad directive"):
        Valkey(tmp_path, options=("--no-such-option", "1")).start()


async def test_eventually_gives_up_at_the_deadline(tmp_path: Path):
    with pytest.raises(AssertionError, match="not within"):
        await eventually(lambda: False, timeout_s=0.05)
