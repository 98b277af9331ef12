from dataclasses import replace

from app.admin.feed.delta import State, delta

STATE = State(
    gateway={"ready": True, "draining": False},
    breakers={"a": {"name": "a", "state": "closed", "rps": 1.0}},
    routes_total=1,
    routes={"r": {"name": "r", "rps": 1.0}},
    limits={"d/x": {"id": "d/x", "allowedPerS": 1.0}},
    traffic={"total": 1.0},
    connections={"clients": 1},
    test={"available": False},
    panels={"edits": []},
)


def test_the_same_state_has_no_delta():
    same = replace(STATE, breakers={"a": dict(STATE.breakers["a"])}, routes=dict(STATE.routes))
    assert delta(STATE, same) == {}


def test_only_the_fields_that_changed_are_told():
    new = replace(
        STATE,
        gateway={"ready": False, "draining": False},
        breakers={"a": {"name": "a", "state": "open", "rps": 1.0}},
        routes={"r": {"name": "r", "rps": 2.0}},
        limits={"d/x": {"id": "d/x", "allowedPerS": 2.0}},
    )
    assert delta(STATE, new) == {
        "gateway": {"ready": False},
        "breakers": [{"name": "a", "state": "open"}],
        "routes": {"total": 1, "rows": [{"name": "r", "rps": 2.0}], "gone": []},
        "limits": [{"id": "d/x", "allowedPerS": 2.0}],
    }


def test_a_new_row_comes_with_all_its_fields():
    new = replace(STATE, breakers={**STATE.breakers, "b": {"name": "b", "state": "closed", "rps": 0.0}})
    assert delta(STATE, new) == {"breakers": [{"name": "b", "state": "closed", "rps": 0.0}]}


def test_rows_that_left_are_named():
    new = replace(STATE, breakers={}, routes={}, routes_total=0, limits={})
    assert delta(STATE, new) == {
        "breakersGone": ["a"],
        "routes": {"total": 0, "rows": [], "gone": ["r"]},
        "limitsGone": ["d/x"],
    }


def test_small_parts_are_told_whole():
    new = replace(STATE, traffic={"total": 2.0}, connections={"clients": 2}, test={"available": True})
    assert delta(STATE, new) == {
        "traffic": {"total": 2.0},
        "connections": {"clients": 2},
        "test": {"available": True},
    }


def test_a_panel_is_sent_whole_when_it_has_changed():
    state = replace(STATE, panels={"edits": [], "clients": ["acme"]})
    assert delta(state, replace(state, panels={"edits": [1], "clients": ["acme"]})) == {
        "panels": {"edits": [1]}
    }
