"""A configuration as the parent hands it to its workers: everything that a table is made from. Pure.

Who has the same inputs makes the same table: the files' bytes, the snapshot, the settings of the environment with its
secrets, and the moment that dates are compared with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from app.gateway.link.message import Json, Message
from app.settings import Settings

if TYPE_CHECKING:
    from app.config.sync.snapshot import Snapshot

__all__ = ["Change", "share_of"]

_SETS = frozenset({"expose", "monitor_hosts"})


@dataclass(frozen=True, slots=True)
class Change:
    """Table number `sequence`, made at `wall_s`. `contents`: files by path, those of secrets among them."""

    sequence: int
    wall_s: float
    settings: Settings
    contents: Mapping[str, bytes]
    snapshot: "Snapshot | None" = None

    def message(self, kind: str, **more: Json) -> Message:
        """A message that says this, and `more`."""
        pieces = list(self.contents.values())
        snapshot = b""
        if self.snapshot is not None:
            from app.config.sync.snapshot import encode

            snapshot = encode(self.snapshot)
        body = {
            "sequence": self.sequence,
            "wallS": self.wall_s,
            "settings": _as_json(self.settings),
            "files": [[path, len(content)] for path, content in self.contents.items()],
            "snapshotBytes": len(snapshot),
            **more,
        }
        return Message(kind, body, b"".join((*pieces, snapshot)))

    @classmethod
    def of(cls, message: Message) -> "Change":
        """What such a message says."""
        body, at = message.body, 0
        contents: dict[str, bytes] = {}
        for path, length in body["files"]:
            contents[path] = message.blob[at : at + length]
            at += length
        snapshot = None
        if body["snapshotBytes"]:
            from app.config.sync.snapshot import decode_to_keep

            snapshot = decode_to_keep(message.blob[at:])
        return cls(body["sequence"], body["wallS"], _from_json(body["settings"]), contents, snapshot)


def share_of(settings: Settings, workers: int) -> Settings:
    """What one of so many workers is bounded by; it knows no secret that only the parent needs."""
    return replace(
        settings,
        max_connections=-(-settings.max_connections // workers),
        admin_token=None,
        redis_url=None,
        warnings=(),
    )


def _as_json(settings: Settings) -> Json:
    found: dict[str, Json] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, frozenset):
            value = sorted(value)
        found[field.name] = value.decode("latin-1") if isinstance(value, bytes) else value
    return found


def _from_json(found: Json) -> Settings:
    values: dict[str, Any] = {
        name: frozenset(value) if name in _SETS else value for name, value in found.items()
    }
    pepper = values["key_pepper"]
    values["key_pepper"] = None if pepper is None else pepper.encode("latin-1")
    values["warnings"] = tuple(values["warnings"])
    return Settings(**values)
