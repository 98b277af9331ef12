from app.admin.api_decision_models import DecisionsOut
from app.admin.decision_views import decisions_shape
from app.telemetry.decisions import Filter
from tests.app.telemetry.test_decisions import entry, ring_of


def test_what_is_shown_is_what_is_described():
    attempts = (("10.0.0.5:80", "status_200", 2.0, 3.0),)
    ring = ring_of(entry(attempts=attempts), entry(breaker=None, client=None, lines=b""))
    shape = decisions_shape(ring.recent(Filter(), 9))
    described = DecisionsOut.model_validate(shape)
    assert described.model_dump() == shape
