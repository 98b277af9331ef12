"""What operators say as tables, against documents by hand; the real ones: `tests/app/operator/serving`."""

import pytest

from app.cli.kube.instance_sections import instance_sections
from app.cli.status.layout import narrowed
from app.cli.tables import plain_text
from tests.app.cli.kube.samples import DOWN, NOW, ROW


def shown(*rows):
    return instance_sections("op-0", {"sequence": 7, "now": NOW, "instances": list(rows)})


def text(*rows, columns=180):
    return plain_text(narrowed(shown(*rows), columns))


def test_a_fleet_that_is_well_is_a_sentence_and_a_table():
    said = text(ROW | {"limit_store_up": True}, ROW | {"pod": "gw-1", "limit_store_up": False})
    assert said.splitlines()[:2] == ["operator op-0: snapshot 7", "2 of 2 gateways applied it"]
    assert [line.split()[-2] for line in said.splitlines() if " gw-" in line] == ["up", "DOWN"]
    assert "breakers not closed" not in said
    assert "policies rejected" not in said


def test_what_is_down_says_where_since_when_and_how_often_it_was_probed():
    said = text(ROW | {"down": [DOWN], "down_total": 1})
    assert "orders at gw-0 down for 23 s (since 03:34:12), 2 probes failed\n" in said
    assert said.splitlines()[-1].split() == [
        "gw-0",
        "orders",
        "open",
        DOWN["not_closed_since"],
        "2",
        "probe",
        "failed",
        "shop/breakers",
    ]


def test_breakers_beyond_those_listed_are_counted():
    assert "breakers not closed (30 more are not listed)" in text(ROW | {"down": [DOWN], "down_total": 31})


def test_a_rejected_policy_has_a_row_with_its_generation():
    fault = {"policy": "shop/limits", "generation": 4, "message": "spec.retry.budget: is unknown"}
    gone = fault | {"policy": None}
    said = text(ROW | {"state": "rejected", "error": "…", "rejected_policies": [fault, gone]})
    assert "0 of 1 gateways applied it, 1 rejected" in said
    assert said.splitlines()[-2].split()[:3] == ["shop/limits", "4", "gw-0"]
    assert said.splitlines()[-1].split()[:3] == ["-", "4", "gw-0"]


@pytest.mark.parametrize(
    ("rows", "line", "tone"),
    [
        ((), "no gateway takes traffic", ""),
        ((ROW | {"is_required": False},), "no gateway takes traffic", ""),
        ((ROW, ROW | {"state": "pending"}), "1 of 2 gateways applied it, 1 pending", "half-open"),
        ((ROW | {"state": "stale"},), "0 of 1 gateways applied it, 1 stale", "half-open"),
        ((ROW | {"state": "rejected"},), "0 of 1 gateways applied it, 1 rejected", "open"),
    ],
)
def test_the_second_line_says_who_has_the_snapshot(rows, line, tone):
    section = shown(*rows)[1]
    assert (section.title, section.tone) == (line, tone)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(columns):
    rows = (
        ROW
        | {
            "pod": f"tidegate-gateway-7c9d5b7f4d-x{number}",
            "gateway": "tidegate-gateway",
            "state": "rejected",
            "error": "policy limits: spec.rateLimit.rules[0].requests: must be at least 1, not 0",
            "down": [DOWN | {"breaker": "recommendations@recommendations-read"}],
            "down_total": 1,
            "rejected_policies": [{"policy": "shop/limits", "generation": 4, "message": "x" * 90}],
        }
        for number in range(3)
    )
    assert max(map(len, text(*rows, columns=columns).splitlines())) <= columns
