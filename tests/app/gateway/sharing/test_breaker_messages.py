import orjson

from app.breaker.standing import AT_REST, Report, ReportKind, Standing, Verdict
from app.breaker.values import BreakerState
from app.gateway.sharing.breaker_messages import (
    reports_json,
    reports_of,
    standings_json,
    standings_of,
    verdicts_json,
    verdicts_of,
)


def sent(body):
    return orjson.loads(orjson.dumps(body))


def test_everything_arrives_as_it_was_sent():
    reports = [
        Report("u", ReportKind.SUCCESSES, 1, 0.5, 7),
        Report("u", ReportKind.FAILURE, 2, 1.5, 1, 3, "status_503", "why"),
    ]
    assert reports_of(sent(reports_json(reports))) == reports
    standings = {"u": AT_REST, "v": Standing(BreakerState.OPEN, 4, 2.5, is_full=True, look=3), "w": None}
    arrived = standings_of(sent(standings_json(standings)))
    assert arrived == standings
    assert isinstance(arrived["v"], Standing)
    assert arrived["v"].state is BreakerState.OPEN
    verdicts = [Verdict(1, 2, True), Verdict(2, reason="breaker_open", retry_after_s=9)]
    assert verdicts_of(sent(verdicts_json(verdicts))) == verdicts
