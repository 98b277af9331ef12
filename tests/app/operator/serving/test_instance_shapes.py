from app.config.sync.messages import PolicyError
from app.operator.serving.instance_shapes import MOST_DOWN, instance_shape
from app.operator.sync.fleet import InstanceState, InstanceView
from tests.app.operator.samples import WALL_S, breaker

NAMES = {"uid-orders": "shop/orders"}


def shape(*breakers, errors=()):
    view = InstanceView(
        "shop", "gw-0", "edge", True, InstanceState.APPLIED, 7, 1.5, "", "0.1.0", breakers, errors, True
    )
    return instance_shape(view, NAMES.get)


def test_a_gateway_that_is_well_lists_nothing():
    assert shape(breaker("cache")) == {
        "namespace": "shop",
        "pod": "gw-0",
        "gateway": "edge",
        "is_required": True,
        "state": "applied",
        "sequence": 7,
        "silent_s": 1.5,
        "error": "",
        "version": "0.1.0",
        "limit_store_up": True,
        "down": [],
        "down_total": 0,
        "rejected_policies": [],
    }


def test_a_breaker_that_is_not_closed_is_listed_with_the_policies_that_are_left():
    report = breaker(
        "orders",
        "half_open",
        reason="open_elapsed",
        policies=("uid-orders", "uid-gone"),
        down=(WALL_S - 30.5, 2),
    )
    assert shape(report)["down"] == [
        {
            "breaker": "orders",
            "state": "half_open",
            "reason": "open_elapsed",
            "not_closed_since": "2027-01-15T07:59:29.500Z",
            "failed_probes": 2,
            "policies": ["shop/orders"],
        }
    ]


def test_a_gateway_of_an_older_version_says_since_when_the_state_is():
    (row,) = shape(breaker("orders", "open"))["down"]
    assert row["not_closed_since"] == "2027-01-15T08:00:00.000Z"


def test_the_longest_down_come_first_and_are_bounded():
    found = shape(*(breaker(f"b{n:02}", "open", down=(WALL_S - n, 0)) for n in range(MOST_DOWN + 5)))
    assert [row["breaker"] for row in found["down"]] == [f"b{n:02}" for n in range(24, 4, -1)]
    assert found["down_total"] == MOST_DOWN + 5


def test_rejected_policies_are_named():
    errors = (PolicyError("uid-orders", 3, "is unknown"), PolicyError("uid-gone", 1, "is unknown"))
    assert shape(errors=errors)["rejected_policies"] == [
        {"policy": "shop/orders", "generation": 3, "message": "is unknown"},
        {"policy": None, "generation": 1, "message": "is unknown"},
    ]
