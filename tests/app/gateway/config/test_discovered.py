import asyncio

import pytest

from app.config import model
from app.config.model import UpstreamName
from app.config.sync.newest import Addresses, Delta, Held
from app.config.sync.newest_codec import ENDPOINTS, encode_delta
from app.dataplane.upstream.upstream import Upstream
from app.gateway.config.discovered import Discovered

ONE, TWO = ("10.0.0.1", 80), ("10.0.0.2", 80)
NOTHING: dict[str, str] = {}


def upstream(name: str, **more) -> Upstream:
    of_model = model.Upstream(UpstreamName(name), **{"endpoints": (), "is_discovered": True, **more})
    return Upstream(of_model, asyncio.get_running_loop(), lambda *_: None)


def labels(one: Upstream) -> list[str]:
    return [pool.label for pool in one.addresses]


def delta(version: int = 1, *removed: str, full: bool = False, faults=NOTHING, **values) -> Delta[Addresses]:
    return Delta(Held("boot", version), full, values, removed, faults)


async def test_endpoints_are_in_force_at_once_and_an_upstream_that_comes_later_finds_its_own():
    discovered, first, second = Discovered(), upstream("a"), upstream("b")
    discovered.follow({"a": first})
    discovered.take(delta(a=(ONE,), b=(TWO,)))
    assert (labels(first), discovered.names) == (["10.0.0.1:80"], {"a", "b"})
    discovered.follow({"a": first, "b": second})
    assert labels(second) == ["10.0.0.2:80"]


async def test_what_came_says_what_it_changed_here():
    discovered = Discovered()
    discovered.take(delta(a=(ONE,), b=(TWO,)))
    changed = discovered.take(delta(2, "b", "never known", a=(ONE,), c=()))
    assert changed == delta(2, "b", c=())
    assert discovered.whole == delta(2, full=True, a=(ONE,), c=())


async def test_a_full_one_ends_what_it_does_not_name():
    discovered = Discovered()
    discovered.take(delta(a=(ONE,), b=(TWO,)))
    assert discovered.take(delta(9, full=True, a=(ONE,))) == delta(9, "b")
    assert discovered.names == {"a"}


@pytest.mark.parametrize("ended", [delta(2, "b"), delta(2, full=True, a=(ONE,))])
async def test_what_is_ended_keeps_its_endpoints_until_a_table_without_it_is_in_force(ended):
    discovered, first, second = Discovered(), upstream("a"), upstream("b")
    discovered.take(delta(a=(ONE,), b=(TWO,)))
    discovered.follow({"b": second})
    discovered.take(ended)
    assert (labels(second), discovered.names) == (["10.0.0.2:80"], {"a", "b"})
    discovered.follow({"a": first})
    assert (labels(first), discovered.names) == (["10.0.0.1:80"], {"a"})


async def test_what_ended_and_is_named_again_is_not_over():
    discovered, one = Discovered(), upstream("a")
    discovered.follow({"a": one})
    discovered.take(delta(a=(ONE,)))
    discovered.take(delta(2, "a"))
    discovered.take(delta(3, a=(ONE,)))
    discovered.follow({})
    assert discovered.names == {"a"}


async def test_an_upstream_in_force_without_an_endpoint_has_none():
    discovered, one = Discovered(), upstream("a")
    discovered.follow({"a": one})
    discovered.take(delta(a=(ONE,)))
    discovered.take(delta(2, a=()))
    assert labels(one) == []


@pytest.mark.parametrize("full", [True, False])
async def test_what_was_said_badly_stays_as_it_was(full):
    discovered = Discovered()
    discovered.take(delta(a=(ONE,)))
    discovered.take(delta(2, full=full, faults={"a": "is no list"}))
    assert discovered.whole.values == {"a": (ONE,)}


async def test_an_upstream_whose_endpoints_a_file_names_keeps_them():
    fixed = upstream("a", is_discovered=False, endpoints=(model.Endpoint("10.0.0.9", 80),))
    discovered = Discovered()
    discovered.follow({"a": fixed})
    discovered.take(delta(a=(ONE,)))
    assert labels(fixed) == ["10.0.0.9:80"]


async def test_a_worker_takes_what_the_parent_hands_on():
    discovered = Discovered()
    discovered.take_packed(encode_delta(ENDPOINTS, delta(3, full=True, a=(ONE,))))
    assert (discovered.held, discovered.names) == (Held("boot", 3), {"a"})
