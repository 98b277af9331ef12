"""Which Gateways a policy's status names, and what stays of it."""

from app.operator.kube.resources import Condition
from app.operator.policy.ancestors import ancestor_fields
from tests.app.operator.samples import WALL_S, policy

ACCEPTED = Condition("Accepted", "True", "Accepted", "fine")
READY = Condition("Ready", "True", "Ready", "in force in every gateway")
FOREIGN = {"ancestorRef": {"name": "edge"}, "controllerName": "example.com/other", "conditions": []}


def ancestors(*gateways, status=None, conditions=(ACCEPTED, READY), wall_s=WALL_S):
    return ancestor_fields(policy(status=status or {}), gateways, conditions, wall_s)


def test_each_gateway_is_one_with_the_conditions_that_gateway_api_knows():
    (found,) = ancestors("gateway/infra/edge")["ancestors"]
    assert found["ancestorRef"] == {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": "infra",
        "name": "edge",
    }
    assert found["controllerName"] == "tidegate.dev/gateway-controller"
    assert [one["type"] for one in found["conditions"]] == ["Accepted"]


def test_without_gateways_there_is_no_such_field():
    assert ancestors() == {}


def test_what_another_controller_said_stays():
    found = ancestors("gateway/infra/edge", status={"ancestors": [FOREIGN]})["ancestors"]
    assert found[1:] == [FOREIGN]
    assert ancestors(status={"ancestors": [FOREIGN]})["ancestors"] == [FOREIGN]


def test_an_ancestor_that_is_none_any_more_goes_and_the_times_of_others_stay():
    before = ancestors("gateway/infra/edge", "gateway/infra/inner")
    after = ancestors("gateway/infra/inner", status=before, wall_s=WALL_S + 60)
    assert after["ancestors"] == before["ancestors"][1:]


def test_at_most_16_are_named_others_included():
    many = [f"gateway/infra/g{number:02}" for number in range(20)]
    found = ancestors(*many, status={"ancestors": [FOREIGN]})["ancestors"]
    assert len(found) == 16
    assert found[15] == FOREIGN
