"""What a contestant is asked to be: every feature switched on ("full") or proxying only ("plain")."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["KEY", "NEVER", "Launch", "Place", "Setup"]

KEY = "bench-key-0123456789abcdef"
NEVER = 1_000_000_000  # requests a minute: the limiter runs, and never says no


@dataclass(frozen=True, slots=True)
class Setup:
    """`upstream`: its port; `limit`: requests a minute and client; `http2`: clients may speak it."""

    upstream: int
    full: bool = True
    tls: bool = False
    limit: int = NEVER
    routes: int = 1
    http2: bool = False
    http2_upstream: bool = False  # in clear, by prior knowledge
    grpc: bool = False  # calls are counted by their `grpc-status`

    def prefixes(self) -> list[str]:
        return ["/"] if self.routes == 1 else [f"/r{number}/" for number in range(self.routes)]


@dataclass(frozen=True, slots=True)
class Launch:
    """How a contestant is started; `logs_to_stdout`: its access log is what it prints."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    logs_to_stdout: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contestant lives: its ports, its folder, its access log and the certificate."""

    port: int
    admin: int
    folder: Path
    cert: Path
    key: Path

    @property
    def log(self) -> Path:
        return self.folder / "access.log"

    def write(self, name: str, content: Any) -> str:
        """The path of a file with text, or with a document as JSON."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)
