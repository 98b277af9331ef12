"""The schema of a policy's `status`: written by the operator, read by people, `kubectl wait`, tools."""

from app.policy.model import BreakerState
from app.schema.names import MAX_SUBDOMAIN
from app.schema.nodes import Schema, items, mapping, whole

__all__ = ["MAX_ANCESTORS", "MAX_BREAKERS", "MAX_FAILING", "MAX_FAILING_MESSAGE", "status_schema"]

MAX_ANCESTORS = 16  # GEP-713 sets it
MAX_BREAKERS = 16
MAX_FAILING = 10
MAX_FAILING_MESSAGE = 1_024
_MAX_CONDITIONS = 32
_MAX_MESSAGE = 32_768
_MAX_BREAKER_NAME = 1_024  # upstream@route, either of which may have a namespace and a part in its name
_MAX_WORD = 64


_POLICY_SAYS = (
    "Accepted: the policy is valid, names known targets and loses no conflict. ResolvedRefs: all its "
    "targets are known to at least one gateway. Programmed: every ready gateway pod in scope has said "
    "that it applied this generation (stronger than Gateway API's meaning: a partial fleet is False). "
    "Ready: Accepted and Programmed. Stalled: True only where nothing will change without an edit."
)


def status_schema() -> Schema:
    """OpenAPI v3; a structural schema. Nothing in it grows with the fleet."""
    return mapping(
        "What became of the policy; written by the operator.",
        {
            "observedGeneration": _count64("The last metadata.generation that the operator evaluated."),
            "conditions": _conditions(_POLICY_SAYS),
            "snapshot": mapping(
                "The first snapshot that holds this generation.",
                {
                    "sequence": _count64("Its number; joins status with logs, metrics and the CLI."),
                    "hash": _word("sha256 of its body.", 128),
                    "appliedTime": _instant("When every ready gateway had applied it."),
                },
            ),
            "gateways": _gateways(),
            "breakers": items(
                "Breakers that this policy sets, at most 16.",
                _breaker(),
                (0, MAX_BREAKERS),
                "map",
                ["name"],
            ),
            "ancestors": items(
                "The Gateways whose requests the policy is about, where it targets objects of the cluster; at most 16.",
                _ancestor(),
                (0, MAX_ANCESTORS),
            ),
            "breakerSummary": _word("Such as closed 3/3, or orders open 2/3.", _MAX_MESSAGE // 64),
        },
    )


def _conditions(says: str) -> Schema:
    condition = mapping(
        "One condition.",
        {
            "type": {
                **_word("CamelCase.", 316),
                "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
            },
            "status": {
                "description": "True, False or Unknown.",
                "type": "string",
                "enum": ["True", "False", "Unknown"],
            },
            "observedGeneration": _count64("The generation that this condition speaks of."),
            "lastTransitionTime": _instant("When status last changed."),
            "reason": {
                **_word("Why, as one CamelCase word.", _MAX_MESSAGE // 32),
                "minLength": 1,
                "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            },
            "message": _word("Why, for people.", _MAX_MESSAGE),
        },
        ["type", "status", "lastTransitionTime", "reason", "message"],
    )
    return items(says, condition, (0, _MAX_CONDITIONS), "map", ["type"])


def _ancestor() -> Schema:
    ref = mapping(
        "The Gateway.",
        {
            "group": _word("Its API group.", MAX_SUBDOMAIN),
            "kind": _word("Its kind: Gateway.", _MAX_WORD),
            "namespace": _word("Its namespace.", _MAX_WORD),
            "name": _word("Its name.", MAX_SUBDOMAIN),
        },
        ["name"],
    )
    return mapping(
        "What became of the policy for one Gateway (GEP-713).",
        {
            "ancestorRef": ref,
            "controllerName": _word("Who says it.", MAX_SUBDOMAIN),
            "conditions": _conditions("Accepted and Programmed, as those of the policy."),
        },
        ["ancestorRef", "controllerName"],
    )


def _gateways() -> Schema:
    failing = mapping(
        "A gateway pod that has not applied this generation.",
        {
            "pod": _word("Its name.", MAX_SUBDOMAIN),
            "reason": _word("Rejected, Pending or Stale.", _MAX_WORD),
            "message": _word("What it said, or since when it is silent.", MAX_FAILING_MESSAGE),
        },
        ["pod"],
    )
    return mapping(
        "Counts of the ready gateway pods in scope.",
        {
            "desired": whole("Pods that must apply it."),
            "applied": whole("Pods that said they did."),
            "rejected": whole("Pods that rejected it."),
            "pending": whole("Pods that have not said yet."),
            "summary": _word("Applied of desired, such as 3/3.", _MAX_WORD),
            "failing": items(
                "At most 10 of the pods that have not applied it; all of them: tidegate status --kube.",
                failing,
                (0, MAX_FAILING),
            ),
        },
    )


def _breaker() -> Schema:
    return mapping(
        "One breaker over the whole fleet.",
        {
            "name": _word("The upstream's name, or upstream@route.", _MAX_BREAKER_NAME),
            "state": {
                "description": "The worst of the fleet: open, half_open or closed.",
                "type": "string",
                "enum": [str(state) for state in BreakerState],
            },
            "since": _instant("Since when it is in this state."),
            "notClosedSince": _instant("When the first gateway left closed; absent where all are closed."),
            "failedProbes": whole("Probes that failed since then: the most of any gateway."),
            "replicas": mapping(
                "Gateways by the state they are in.",
                {
                    "closed": whole("Gateways where it is closed."),
                    "half_open": whole("Gateways where it is half open."),
                    "open": whole("Gateways where it is open."),
                },
            ),
            "reason": _word("Why, such as consecutive_failures or override.", _MAX_WORD),
        },
        ["name"],
    )


def _word(says: str, longest: int) -> Schema:
    return {"description": says, "type": "string", "maxLength": longest}


def _instant(says: str) -> Schema:
    return {"description": says, "type": "string", "format": "date-time"}


def _count64(says: str) -> Schema:
    return {"description": says, "type": "integer", "format": "int64", "minimum": 0}
