from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.values import BreakerRejection
from app.foundation.reasons import Reason


def test_who_cancelled_hears_nothing():
    awaited, heard = AwaitedPermit(1.0), []
    awaited.on_verdict = lambda verdict, now_s: heard.append(verdict)
    awaited.cancel()
    awaited.on_verdict(BreakerRejection(Reason.BREAKER_OPEN, 1), 0.0)
    assert awaited.is_over
    assert heard == []
