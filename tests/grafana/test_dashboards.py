"""The dashboards' own rules: one question each, nothing that only one machine has or that goes stale."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.grafana.metric_names import RECORDED, exported, metrics_in
from tools.boards.build import BOARDS, FOLDER, files

PAGES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
EXCLUDED = {
    (rule, entry["dashboard"], entry["panel"])
    for rule, kept in yaml.safe_load((FOLDER / ".lint").read_text())["exclusions"].items()
    for entry in kept["entries"]
    if entry["reason"]
}
RULE_FILES = [yaml.safe_load(path.read_text()) for path in sorted((FOLDER / "rules").glob("*.yaml"))]
RECORDS = {
    rule["record"]
    for file in RULE_FILES
    for group in file["groups"]
    for rule in group["rules"]
    if "record" in rule
}

page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


def panels_of(page: Any) -> list[Any]:
    """Every panel, also those inside rows that are closed."""
    found = [panel for one in page["panels"] for panel in (one, *(one.get("panels") or ()))]
    return [panel for panel in found if panel["type"] != "row"]


def closed_rows_of(page: Any) -> list[Any]:
    return [row for row in page["panels"] if row.get("collapsed")]


def targets_of(page: Any) -> list[tuple[str, str]]:
    """(panel's title, expression) of every query."""
    return [(panel["title"], target["expr"]) for panel in panels_of(page) for target in panel["targets"]]


def marks_of(page: Any) -> list[Any]:
    marks: list[Any] = page["annotations"].get("list", [])
    return marks


def excluded(rule: str, page: Any, title: str) -> bool:
    return (rule, page["title"], title) in EXCLUDED


def selectors(expr: str) -> list[tuple[str, str]]:
    """(metric, what stands in its braces)."""
    return re.findall(r"([a-z_:]\w*(?::\w+)*)\{([^}]*)\}", expr)


def test_the_files_are_those_that_the_code_makes():
    assert {path: path.read_text() for path in files()} == files(), "run make generate"


def test_there_is_no_dashboard_that_the_code_does_not_make():
    assert set(PAGES) == set(BOARDS)


def test_each_asks_one_question_under_its_own_address():
    assert len({page["uid"] for page in PAGES.values()}) == len(PAGES)
    assert all(page["title"].endswith("?") and page["uid"].startswith("tidegate-") for page in PAGES.values())


@page
def test_it_is_not_edited_by_hand_and_looks_at_a_time_relative_to_now(page):
    assert page["editable"] is False
    assert page["schemaVersion"] == 41
    assert (page["time"], page["refresh"]) == ({"from": "now-1h", "to": "now"}, "30s")


@page
def test_its_data_source_is_chosen_on_the_page(page):
    sources = [one for one in page["templating"]["list"] if one["type"] == "datasource"]
    assert [(one["name"], one["label"], one["query"]) for one in sources] == [
        ("datasource", "Data source", "prometheus")
    ]
    named = json.dumps([page["panels"], page["annotations"], page["templating"]["list"][1:]])
    assert set(re.findall(r'"uid": "([^"]*)"', named)) == {"${datasource}"}


@page
@pytest.mark.parametrize(("name", "all_value"), [("namespace", ".*"), ("job", ".+"), ("instance", ".+")])
def test_it_can_be_narrowed_to_some_gateways(page, name, all_value):
    (variable,) = [one for one in page["templating"]["list"] if one["name"] == name]
    assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, all_value)
    assert variable["datasource"]["uid"] == "${datasource}"
    assert variable["refresh"] == 2  # on a change of the time range
    assert metrics_in(variable["query"])
    assert metrics_in(variable["query"]) <= set(exported())


@page
def test_every_panel_says_what_it_shows_and_in_which_unit(page):
    silent = [
        panel["title"]
        for panel in panels_of(page)
        if not (panel["title"] and panel["description"].endswith(".") and panel["targets"])
        or not panel["fieldConfig"]["defaults"]["unit"]
        or not panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    ]
    assert silent == []


@page
def test_no_two_panels_overlap_or_share_an_id(page):
    taken: set[tuple[int, int]] = set()
    everything = [*panels_of(page), *(row for row in page["panels"] if row["type"] == "row")]
    for panel in everything:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in everything]
    assert len(set(ids)) == len(ids)


@page
def test_every_selector_follows_the_choices_of_the_page(page):
    wrong = [
        (title, metric)
        for title, expr in targets_of(page)
        for metric, matchers in selectors(expr)
        for label, rule in (("job", "target-job-rule"), ("instance", "target-instance-rule"))
        if f'{label}=~"${label}"' not in matchers and not excluded(rule, page, title)
    ]
    assert wrong == []
    bare = [title for title, expr in targets_of(page) if len(selectors(expr)) < len(metrics_in(expr))]
    assert bare == []


@page
def test_counters_are_shown_as_rates_over_the_interval_of_the_page(page):
    wrong = []
    for title, expr in targets_of(page):
        counters = re.findall(r"(\w*\(?)(\w+_(?:total|bucket|count|sum))\{[^}]*\}(\[[^\]]*\])?", expr)
        wrong += [
            (title, name)
            for call, name, window in counters
            if name.removeprefix(call) and (call not in ("rate(", "irate(", "increase(") or not window)
        ]
        windows = set(re.findall(r"\[([^\]]*)\]", expr)) - {"$__rate_interval"}
        if windows and not excluded("target-rate-interval-rule", page, title):
            wrong.append((title, str(windows)))
    assert wrong == []


@page
def test_what_every_process_exports_is_asked_only_of_our_own(page):
    for title, expr in targets_of(page):
        own = " and on (namespace, job, instance) tidegate_"
        assert "process_" not in expr or own in expr, title


@page
def test_lines_per_route_are_bounded(page):
    drawn = [panel for panel in panels_of(page) if panel["type"] == "timeseries"]
    exprs = [(panel["title"], target["expr"]) for panel in drawn for target in panel["targets"]]
    unbounded = [title for title, expr in exprs if "by (route" in expr and not expr.startswith("topk(10, ")]
    assert unbounded == []


@page
def test_what_is_counted_over_an_interval_has_no_fractions(page):
    wrong = [
        panel["title"]
        for panel in panels_of(page)
        if any("increase(" in target["expr"] for target in panel["targets"])
        and panel["fieldConfig"]["defaults"].get("decimals") != 0
    ]
    assert wrong == []


@page
def test_a_row_that_a_plain_installation_has_nothing_for_is_closed_and_says_why(page):
    for row in closed_rows_of(page):
        inside = row["panels"]
        assert inside
        assert all(panel["fieldConfig"]["defaults"].get("noValue") for panel in inside), row["title"]
    loose = [panel for panel in page["panels"] if panel["type"] != "row"]
    assert not [panel["title"] for panel in loose if "tidegate_operator_" in json.dumps(panel["targets"])]
    assert not [panel["title"] for panel in loose if "tidegate_shadow_" in json.dumps(panel["targets"])]


@page
def test_it_asks_only_for_metrics_and_labels_that_the_code_has(page):
    exprs = [expr for _, expr in targets_of(page)] + [mark["expr"] for mark in marks_of(page)]
    for expr in exprs:
        assert metrics_in(expr) <= set(exported()), expr
        assert set(RECORDED.findall(expr)) <= RECORDS, expr
        for metric, matchers in selectors(expr):
            labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) - {
                "namespace",
                "job",
                "instance",
                "le",
            }
            for name in metrics_in(metric):
                assert labels <= set(exported()[name]), expr


@page
def test_it_leads_to_the_other_questions(page):
    (link,) = page["links"]
    assert (link["type"], link["tags"], link["includeVars"], link["keepTime"]) == (
        "dashboards",
        ["tidegate"],
        True,
        True,
    )
    assert page["tags"] == ["tidegate"]


@page
def test_it_fits_into_a_config_map(page):
    assert len(json.dumps(page)) < 1 << 20


def test_every_exception_from_these_rules_is_about_a_panel_that_exists():
    titles = {(page["title"], panel["title"]) for page in PAGES.values() for panel in panels_of(page)}
    assert {(dashboard, panel) for _, dashboard, panel in EXCLUDED} <= titles


def test_changes_are_marked_where_they_explain_what_is_seen():
    marked = {name: [mark["name"] for mark in marks_of(page)] for name, page in PAGES.items()}
    assert "Breaker moved" in marked["traffic"]
    assert "Breaker moved" in marked["breakers"]
    assert all("Configuration applied" in marks for name, marks in marked.items() if name != "cache")


def links_of(panel: Any) -> list[str]:
    """Where values of a panel lead."""
    properties = [one for entry in panel["fieldConfig"]["overrides"] for one in entry["properties"]]
    return [link["url"] for one in properties if one["id"] == "links" for link in one["value"]]


@page
def test_links_lead_to_dashboards_and_choices_that_exist(page):
    uids = {
        one["uid"]: {variable["name"] for variable in one["templating"]["list"]} for one in PAGES.values()
    }
    for url in (url for panel in panels_of(page) for url in links_of(panel)):
        if url.startswith("/d/"):
            uid, _, query = url.removeprefix("/d/").partition("?")
            asked = re.findall(r"var-(\w+)=", query) + re.findall(r"\$\{(\w+):queryparam\}", query)
            assert set(asked) <= uids[uid], url
        elif "${monitor}" in url:
            assert "monitor" in uids[page["uid"]]
        else:
            assert url.startswith("https://github.com/tidegate/tidegate/blob/main/grafana/runbooks.md#"), url


def test_the_runbooks_have_the_anchors_that_dashboards_and_alerts_lead_to():
    text = (FOLDER / "runbooks.md").read_text()
    alerts = {
        rule["alert"]
        for file in RULE_FILES
        for group in file["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert set(re.findall(r'^<a id="(\w+)"></a>\n\n## \1$', text, re.MULTILINE)) == alerts
    linked = {
        url.partition("#")[2]
        for page in PAGES.values()
        for panel in panels_of(page)
        for url in links_of(panel)
    }
    assert linked - {"", "${__data.fields.alertname}"} <= {alert.lower() for alert in alerts}


def test_a_breaker_leads_to_its_runbook_and_to_the_live_page():
    (state,) = [panel for panel in panels_of(PAGES["breakers"]) if panel["title"] == "State of each breaker"]
    (listed,) = [
        panel for panel in panels_of(PAGES["home"]) if panel["title"] == "Breakers that are not closed"
    ]
    for panel in (state, listed):
        assert any(url.endswith("#tidegatebreakeropen") for url in links_of(panel))
        assert "${monitor}/monitor" in links_of(panel)
