"""Where values lead: from a breaker to its runbook and the live page, from a route to its graphs."""

from tools.boards.panels import Link

__all__ = ["ALERT_LEADS", "BREAKER_LEADS", "OPEN_BREAKER_LEADS", "ROUTE_LEADS"]

_RUNBOOKS = "https://github.com/tidegate/tidegate/blob/main/grafana/runbooks.md"
_KEPT = "${__url_time_range}&${datasource:queryparam}&${namespace:queryparam}&${job:queryparam}"


def _breaker_leads(upstream: str, column: str) -> tuple[Link, ...]:
    return (
        Link("What are the breakers doing?", f"/d/tidegate-breakers?var-upstream={upstream}&{_KEPT}", column),
        Link("Runbook: a breaker stays open", f"{_RUNBOOKS}#tidegatebreakeropen", column),
        Link("Runbook: a breaker flaps", f"{_RUNBOOKS}#tidegatebreakerflapping", column),
        Link("Live page (/monitor)", "${monitor}/monitor", column),
    )


BREAKER_LEADS = _breaker_leads("${__field.labels.upstream}", "")[1:]
"""From a graph's series with the label `upstream`, on the board of the breakers."""
OPEN_BREAKER_LEADS = _breaker_leads("${__data.fields.upstream}", "upstream")
"""From the column `upstream` of a table."""
ROUTE_LEADS = (
    Link(
        "Is traffic healthy? on this route",
        f"/d/tidegate-traffic?var-route=${{__data.fields.route}}&{_KEPT}",
        "route",
    ),
    Link(
        "Who is limited? on this route",
        f"/d/tidegate-limits?var-route=${{__data.fields.route}}&{_KEPT}",
        "route",
    ),
    Link("What are the breakers doing?", f"/d/tidegate-breakers?{_KEPT}", "route"),
    Link("Live page (/monitor)", "${monitor}/monitor", "route"),
)
ALERT_LEADS = (
    Link("Runbook", f"{_RUNBOOKS}#${{__data.fields.alertname}}", "alertname"),
    Link("Live page (/monitor)", "${monitor}/monitor", "alertname"),
)
"""The runbooks have an anchor with each alert's name as it is written."""
