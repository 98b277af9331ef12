"""A door of the gateway, asked about one request after the other: admission without a socket."""

from app.dataplane.proxy.admission import (
    Admission,
    Admit,
    Reject,
    Wait,
    decide,
)
from app.limits.limiter import Limiter
from app.limits.memory import MemoryLimiter
from tests.fakes.plans import plans_of
from tests.fakes.requests import request_of

__all__ = ["Door", "NOW_S", "ROUTE", "UPSTREAMS", "WALL_S", "config", "limits"]

NOW_S, WALL_S = 100.0, 1_700_000_000.0
ROUTE = "{{name: r, match: {{path: {{prefix: {path}}}}}, upstream: {upstream}, auth: {auth}}}"
UPSTREAMS = (
    'upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}, two: {endpoints: ["http://127.0.0.1:8"]}}\n'
)


def config(path="/", upstream="one", auth="none", stanzas=""):
    text = UPSTREAMS + "routes: [" + ROUTE.format(path=path, upstream=upstream, auth=auth) + "]\n"
    if stanzas:
        text += f"policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], {stanzas}}}}}]\n"
    return text


def limits(*rules):
    return f"rateLimit: {{rules: [{', '.join(rules)}]}}"


class Door:
    """Asks about one request after the other, on the same state."""

    def __init__(self, text, **environment):
        self.plans = plans_of(text, **environment)
        self.limiter: Limiter = MemoryLimiter()
        self.random = 0.0

    def ask(self, target="/", method="GET", now_s=NOW_S, **request) -> Admission:
        asked = request_of(target, method, **request)
        assert asked.rejection is None, asked.rejection
        return decide(asked, self.plans, self.limiter, lambda: self.random, now_s, WALL_S)

    def admit(self, *request, **more) -> Admit:
        admission = self.ask(*request, **more)
        assert isinstance(admission, Admit), admission
        return admission

    def reject(self, *request, **more) -> Reject:
        admission = self.ask(*request, **more)
        assert isinstance(admission, Reject), admission
        return admission

    def wait(self) -> Wait:
        admission = self.ask()
        assert isinstance(admission, Wait), admission
        return admission

    def reason(self, *request, **more):
        admission = self.ask(*request, **more)
        return admission.rejection.reason if isinstance(admission, Reject) else None
