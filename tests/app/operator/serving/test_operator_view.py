import asyncio

from app.config.sync.snapshot import seal
from app.foundation.version import VERSION
from app.operator.control_plane import new_state
from app.operator.serving.operator_view import OperatorView
from tests.app.operator.samples import LINEAGE, call, pod, policy
from tests.fakes.fast_time import run_fast


def view_of(clock):
    state = new_state(clock)
    view = OperatorView(
        state.policies, state.fleet, state.served, state.attachments, state.counts, state.clock
    )
    return state, view


def test_an_operator_that_starts_says_what_it_waits_for():
    async def play(clock):
        return view_of(clock)[1].missing()

    assert run_fast(play) == ["the sync port is not open yet", "no list of policies completed yet"]


def test_an_operator_that_serves_is_ready_until_it_ends():
    async def play(clock):
        state, view = view_of(clock)
        state.policies.replace([])
        view.sync_is_open = True
        before = view.missing()
        view.is_ending = True
        return before, view.missing()

    assert run_fast(play) == ([], ["it is ending"])


def test_gateways_are_shown_against_the_snapshot_that_is_served():
    async def play(clock):
        state, view = view_of(clock)
        before = (view.sequence(), view.instances())
        state.served.serve(seal(LINEAGE, 7, [], complete=True))
        state.fleet.require({"uid-a": pod("a"), "uid-b": pod("b")}, 0.0)
        state.fleet.record_call(call("a", applied=7, routes=["x"]), 0.0)
        shown = [(one.pod, one.state) for one in view.instances()]
        return before, view.sequence(), shown, set(view.targets()["shop"].routes)

    assert run_fast(play) == ((0, ()), 7, [("a", "applied"), ("b", "pending")], {"x"})


def test_a_scrape_counts_only_gateways_that_take_traffic():
    async def play(clock):
        state, view = view_of(clock)
        state.policies.replace([policy("a"), policy("b")])
        state.fleet.require({"uid-a": pod("a")}, 0.0)
        state.fleet.record_call(call("a"), 0.0)
        state.fleet.record_call(call("gone"), 0.0)
        return view.metrics()[1].decode().splitlines()

    lines = run_fast(play)
    assert 'tidegate_operator_instances{state="applied"} 1.0' in lines
    assert "tidegate_operator_policies 2.0" in lines


def test_a_policy_is_named_while_it_is_listed():
    async def play(clock):
        state, view = view_of(clock)
        state.policies.replace([policy("a")])
        return view.policy_name("uid-a"), view.policy_name("uid-gone"), view.wall_s() == clock.wall_s()

    assert run_fast(play) == ("shop/a", None, True)


def test_whoever_looks_at_the_fleet_makes_gateways_report():
    async def play(clock):
        state, view = view_of(clock)
        state.policies.replace([])
        view.sync_is_open = True
        before = state.fleet.pace_s(clock.now_s())
        shown = view.fleet()
        return before, state.fleet.pace_s(clock.now_s()), shown["operator"], shown["paceS"]

    before, after, operator, pace_s = run_fast(play)
    assert (before, after, pace_s) == (None, 2.0, 2.0)
    assert operator == {"version": VERSION, "snapshot": 0, "missing": []}


def test_the_fleet_is_made_once_a_second_for_all_who_look():
    async def play(clock):
        _, view = view_of(clock)
        first, second = view.fleet(), view.fleet()
        await asyncio.sleep(1.1)
        return first is second, first is view.fleet()

    assert run_fast(play) == (True, False)


def test_an_object_of_the_cluster_is_not_served_without_gateway_api():
    async def play(clock):
        state = new_state(clock, "tidegate")
        view = OperatorView(
            state.policies, state.fleet, state.served, state.attachments, state.counts, state.clock
        )
        state.fleet.record_call(call("gw-0", namespace="tidegate"), clock.now_s())
        return view.attachment("httproute/shop/web")

    shape = run_fast(play)
    assert (shape["served"], shape["namespace"], shape["releases"]) == (False, "tidegate", ["edge"])
