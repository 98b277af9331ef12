from typing import Any

from tests.bench.lookups import SIZES, Turns, lines_run, lookup_lines, turns
from tests.bench.pods import running_pods


def test_a_look_up_takes_the_same_steps_whatever_the_number_of_routes():
    few, *more = (lookup_lines(size) for size in SIZES)
    assert more == [few] * len(more)
    assert few[0] > few[1] > 0


def test_lines_are_counted_in_all_that_is_called():
    def one():
        return 1

    def two():
        one()
        one()

    assert lines_run(one) == 1
    assert lines_run(two) == 4


def test_what_was_traced_before_is_traced_again(monkeypatch):
    traced: list[Any] = []
    monkeypatch.setattr("sys.gettrace", lambda: traced)
    monkeypatch.setattr("sys.settrace", traced.append)
    lines_run(lambda: None)
    assert traced[1] is traced


def test_costs_are_compared_turn_by_turn():
    few, many = Turns(30, (1.0, 4.0, 9.0)), Turns(3000, (2.0, 4.0, 9.9))
    assert many.ratio_to(few) == 1.1
    assert (few.cost_s, many.cost_s) == (4.0, 4.0)


async def test_gateways_of_all_sizes_take_turns(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.bench.lookups.SIZES", (30, 60))
    monkeypatch.setattr("tests.bench.lookups.TURN_S", 0.02)
    monkeypatch.setattr("tests.bench.lookups.FIELDS", 40)
    async with running_pods() as pods:
        found = await turns(pods, tmp_path, 2)
    assert [one.size for one in found] == [30, 60]
    assert all(len(one.costs_s) == 2 and min(one.costs_s) > 0 for one in found)
