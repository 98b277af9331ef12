"""What the admin port says of an object of the cluster: whether requests meet it, and what it hangs together with.

Pure.
"""

from collections.abc import Iterable

from app.operator.policy.attachments import Attachments

__all__ = ["attachment_shape"]

_MOST_OTHERS = 11
"""Names that a mistyped one may have meant: one more than are shown, so that more of them can be told."""


def attachment_shape(
    name: str, attachments: Attachments | None, namespace: str, releases: Iterable[str]
) -> dict[str, object]:
    """By `name` (`app/policy/objects.py`). `namespace`, `releases`: of the gateways that serve such objects.

    `attachments`: None while they are not known.
    """
    if attachments is None:
        return {"known": False}
    kind_and_namespace = name.split("/")[:2]
    others = sorted(
        one
        for one in attachments.objects
        if one != name and (parts := one.split("/"))[:2] == kind_and_namespace and len(parts) == 3
    )
    return {
        "known": True,
        "served": attachments.is_served,
        "exists": name in attachments.objects,
        "namespace": namespace,
        "releases": sorted(releases),
        "gateways": list(attachments.gateways.get(name, ())),
        "services": list(attachments.services.get(name, ())),
        "others": others[:_MOST_OTHERS],
    }
