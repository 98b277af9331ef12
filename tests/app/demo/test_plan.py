import contextlib
import socket

import pytest

from app.demo import valkey
from app.demo.plan import children, plan_of
from app.demo.ports import FreePorts
from app.demo.state import open_state
from app.settings import load_settings
from tests.fakes.process import free_ports


@pytest.fixture
def state(tmp_path):
    state = open_state({"TIDEGATE_STATE": str(tmp_path / "state")})
    yield state
    state.close()


def variables(state, env):
    """The environment of each part."""
    with FreePorts() as ports:
        plan = plan_of(load_settings(env), state, ports)
    server = valkey.prepare(state, plan.valkey_port)
    return plan, {part.name: part.env for part in children(plan, server, state.folder / "g.yaml", env)}


def test_the_parts_get_what_they_need_and_no_more(state, tmp_path):
    for name in ("key", "token"):
        (tmp_path / name).write_text(name * 8)
    (port, admin_port) = free_ports(2)
    env = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "API_KEY_FILE": str(tmp_path / "key"),
        "ADMIN_TOKEN_FILE": str(tmp_path / "token"),
        "CACHE_TOKEN": "t" * 20,
        "PYTHONPATH": "/mine",
    }
    plan, parts = variables(state, env)
    assert list(parts) == ["valkey", "cache", "demo", "gateway"]
    gateway, cache = parts["gateway"], parts["cache"]
    assert (gateway["API_KEY"], gateway["ADMIN_TOKEN"], gateway["PORT"]) == (
        "key" * 8,
        "token" * 8,
        str(port),
    )
    assert not {"API_KEY_FILE", "ADMIN_TOKEN_FILE"} & set(gateway)
    assert gateway["PYTHONPATH"].endswith(":/mine")
    assert (cache["HOST"], cache["PORT"]) == ("127.0.0.1", str(plan.cache_port))
    assert cache["REDIS_URL"].endswith(f"@127.0.0.1:{plan.valkey_port}/0")
    assert "CACHE_TOKEN" not in cache
    assert (plan.own_key, plan.own_token) == (True, True)


def test_keys_are_made_and_kept_and_every_port_is_another(state):
    plan, _ = variables(state, {"PORT": "0", "ADMIN_PORT": "0"})
    again, _ = variables(state, {"PORT": "0", "ADMIN_PORT": "0"})
    assert (plan.key, plan.token) == (again.key, again.token)
    ports = [plan.settings.port, plan.cache_port, plan.demo_port, plan.valkey_port]
    assert len(set(ports)) == 4
    assert all(ports)


def test_the_inner_ports_avoid_those_of_the_user_and_those_that_are_taken(state):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by another program serves as well
            taken.bind(("127.0.0.1", 8082))
            taken.listen(1)
        plan, _ = variables(state, {"PORT": "8081", "ADMIN_PORT": "0"})
    assert not {plan.cache_port, plan.demo_port, plan.valkey_port} & {8081, 8082}
