"""What the admin API shows, as JSON-able values: the vocabulary is that of the configuration file.

Durations are Go style text, instants RFC 3339. Values of edited header fields and key hashes stay out:
they may be secrets.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from app.admin.identity import Identity, WorkerView
from app.admin.listener_view import ListenerView
from app.admin.shape import Shape
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.edits import Edit
from app.config.inverse import Inverse
from app.config.model import HeaderEdits, Route, Upstream
from app.config.rejection import Rejection
from app.config.resources import Resources
from app.config.table import RouteSettings, Table
from app.config.written import (
    said,
    written_cors,
    written_match,
    written_mirror,
    written_redirect,
    written_rewrite,
    written_upstream,
)
from app.policy.breaker_fields import CIRCUIT_BREAKER, OVERRIDE
from app.policy.effective import Effective, Origin
from app.policy.limit_fields import RATE_LIMIT
from app.policy.model import CircuitBreaker, RateLimit, Retry
from app.policy.traffic_fields import RETRY, TIMEOUT
from app.schema.durations import format_duration
from app.telemetry.history_sample import NO_TRAFFIC, BreakerTraffic

__all__ = [
    "breaker_setting_shape",
    "breaker_shape",
    "config_shape",
    "edit_shape",
    "inverse_shape",
    "identity_shape",
    "rejection_shape",
    "routes_shape",
    "transition_shape",
    "worker_shape",
]

T = TypeVar("T")


def breaker_shape(breaker: BreakerView, traffic: BreakerTraffic = NO_TRAFFIC) -> Shape:
    """A breaker as `GET /v1/breakers` shows it; what does not apply now is null."""
    override, failure = breaker.override, breaker.last_failure
    return {
        "name": breaker.name,
        "state": breaker.state.value,
        "since": _instant(breaker.since_wall_s),
        "notClosedSince": _instant_or_none(breaker.outage.not_closed_since_wall_s),
        "failedProbes": breaker.outage.failed_probes,
        "reason": breaker.reason and breaker.reason.value,
        "failuresInRow": breaker.consecutive_failures,
        "threshold": breaker.threshold,
        "window": {
            "period": format_duration(breaker.window_s),
            "requests": breaker.window.total,
            "failures": breaker.window.failures,
            "slow": breaker.window.slow,
        },
        "probesInFlight": breaker.probes_in_flight,
        "nextProbeInSeconds": breaker.next_probe_in_s,
        "rejections": {state.value: count for state, count in breaker.rejections.items()},
        "traffic": {
            "requestsPerS": traffic.requests_per_s,
            "rejectedPerS": traffic.rejected_per_s,
            "errorShare": traffic.error_share,
        },
        "override": override
        and {
            "state": override.state.value,
            "until": _instant(override.until_wall_s),
            "by": override.by,
            "why": override.why,
        },
        "lastError": failure
        and {"at": _instant(failure.at_wall_s), "reason": failure.word, "detail": failure.detail},
    }


def breaker_setting_shape(setting: Effective[CircuitBreaker]) -> Shape:
    """A breaker's settings in force, where they came from and what they beat."""
    return _effective(setting, CIRCUIT_BREAKER.write)


def transition_shape(moved: BreakerTransition) -> Shape:
    return {
        "from": moved.from_state.value,
        "to": moved.to_state.value,
        "at": _instant(moved.at_wall_s),
        "reason": moved.reason.value,
        "error": moved.error,
        "heldSeconds": round(moved.held_s, 3),
    }


def routes_shape(table: Table) -> Shape:
    """`GET /v1/routes`: each route with the settings in force for it. O(routes)."""
    return {"sequence": table.sequence, "routes": [_route(settings) for settings in table.routes]}


def rejection_shape(rejection: Rejection) -> Shape:
    """A configuration that is not in force."""
    at, faults = _instant(rejection.at_wall_s), list(rejection.faults)
    return {"at": at, "source": rejection.source, "faults": faults}


def edit_shape(edit: Edit) -> Shape:
    """One applied configuration of `GET /v1/config/history`."""
    return {
        "at": _instant(edit.at_wall_s),
        "sequence": edit.sequence,
        "source": edit.source,
        "changes": [
            {
                "target": change.target,
                "stanza": change.stanza,
                "field": change.field,
                "old": change.old,
                "new": change.new,
                "source": change.source,
                "policy": change.policy,
                "generation": change.generation,
            }
            for change in edit.changes
        ],
        "omitted": edit.omitted,
        "inverse": [inverse_shape(each) for each in edit.inverse],
    }


def inverse_shape(inverse: Inverse) -> Shape:
    """What puts back one policy, route or upstream of an edit."""
    return {
        "name": inverse.name,
        "action": inverse.action.value,
        "where": inverse.where,
        "text": inverse.text,
    }


def identity_shape(identity: Identity) -> Shape:
    return {
        "pod": identity.pod,
        "gateway": identity.gateway,
        "namespace": identity.namespace,
        "node": identity.node,
    }


def worker_shape(worker: WorkerView) -> Shape:
    return {
        "number": worker.number,
        "state": worker.state,
        "pid": worker.pid,
        "since": _instant(worker.since_wall_s),
        "restarts": worker.restarts,
    }


def listener_shape(view: ListenerView) -> Shape:
    """A listener, whether its port is open, and what is wrong with it."""
    listener = view.listener
    return {
        "name": listener.name,
        "port": listener.port,
        "protocol": listener.protocol.value,
        "hosts": list(listener.hosts),
        "certificates": list(listener.certificates),
        "open": view.is_open,
        "fault": view.fault,
    }


def config_shape(
    table: Table,
    identity: Identity,
    rejected: Rejection | None = None,
    workers: Sequence[WorkerView] = (),
    listeners: Sequence[ListenerView] = (),
) -> Shape:
    """`GET /v1/config`: every effective setting, where it came from, and what it beat. O(routes)."""
    return {
        "identity": identity_shape(identity),
        "workers": [worker_shape(worker) for worker in workers],
        "sequence": table.sequence,
        "rejected": rejected and rejection_shape(rejected),
        "snapshot": _snapshot(table.resources),
        "listeners": [listener_shape(listener) for listener in listeners],
        "routes": {
            settings.route.name: {
                "rateLimit": _effective(settings.rate_limit, _written_limit),
                "timeout": _effective(settings.timeout, TIMEOUT.write),
                "retry": _effective(settings.retry, _written_retry),
                "breakers": list(settings.breakers),
            }
            for settings in table.routes
        },
        "breakers": {name: breaker_setting_shape(setting) for name, setting in table.breakers.items()},
        "overrides": {
            name: _effective(override, OVERRIDE.write) for name, override in table.overrides.items()
        },
        "shadows": {
            "breakers": {
                name: breaker_setting_shape(setting) for name, setting in table.shadow_breakers.items()
            },
            "rateLimits": {
                settings.route.name: _effective(settings.shadow_limit, _written_limit)
                for settings in table.routes
                if settings.shadow_limit is not None
            },
        },
        "upstreams": {name: _upstream(upstream) for name, upstream in table.upstreams.items()},
        "keys": [
            said(name=key.name, tier=key.tier, notAfter=_instant_or_none(key.not_after_wall_s))
            for key in table.keys
        ],
    }


def _instant(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant_or_none(wall_s: float | None) -> str | None:
    return None if wall_s is None else _instant(wall_s)


def _origin(origin: Origin) -> Shape:
    source = origin.source.name.lower().replace("_", "-")
    return {"source": source, "policy": origin.policy, "target": origin.target}


def _effective(effective: Effective[T], shape: Callable[[T], Shape | None]) -> Shape:
    return {
        "value": shape(effective.value),
        "origin": _origin(effective.origin),
        "losers": [{"value": shape(value), "origin": _origin(origin)} for value, origin in effective.losers],
    }


def _route(settings: RouteSettings) -> Shape:
    route = settings.route
    return said(
        name=route.name,
        listeners=list(route.listeners),
        match=written_match(route.match),
        auth=route.auth.value,
        upstreams=_shares(route, settings.breakers),
        redirect=written_redirect(route.redirect),
        rewrite=written_rewrite(route.rewrite),
        requestHeaders=_edits(route.request_headers),
        responseHeaders=_edits(route.response_headers),
        mirror=[written_mirror(each) for each in route.mirrors],
        cors=written_cors(route.cors),
        notForwarded=sorted(route.not_forwarded),
        rateLimit=_written_limit(settings.rate_limit.value),
        timeout=TIMEOUT.write(settings.timeout.value),
        retry=_written_retry(settings.retry.value),
    )


def _shares(route: Route, breakers: Sequence[str]) -> list[Shape]:
    return [
        {"name": upstream.name, "weight": upstream.weight, "breaker": breaker}
        for upstream, breaker in zip(route.upstreams, breakers, strict=True)
    ]


def _edits(edits: HeaderEdits) -> Shape:
    """Names only: a value may be a secret of the upstream's."""
    return said(
        set=[name for name, _ in edits.set], add=[name for name, _ in edits.add], remove=list(edits.remove)
    )


def _upstream(upstream: Upstream) -> Shape:
    credential = upstream.credential
    from_where = credential and {"header": credential.header, "from": credential.file or "CACHE_TOKEN"}
    return {**written_upstream(upstream), **said(credential=from_where)}


def _snapshot(resources: Resources) -> Shape | None:
    """The cluster's snapshot in force, with the policies in it that this gateway does not understand."""
    mark = resources.mark
    if mark is None:
        return None
    return {
        "lineage": mark.lineage,
        "sequence": mark.sequence,
        "hash": mark.hash,
        "policies": len(resources.uids),
        "rejected": [
            {"uid": error.uid, "generation": error.generation, "message": error.message}
            for error in resources.errors
        ],
    }


def _written_limit(limit: RateLimit | None) -> Shape | None:
    return None if limit is None else RATE_LIMIT.write(limit)


def _written_retry(retry: Retry | None) -> Shape | None:
    return None if retry is None else RETRY.write(retry)
