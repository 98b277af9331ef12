"""Worlds and what their routes compile to, named after the conformance tests of Gateway API they are made after."""

from pathlib import Path

import pytest
import yaml

from app.config.parsing.tables import read_tables
from app.operator.routes.rules.route_compiler import compile_rules
from tests.app.operator.routes.rules.samples import HTTP, attach_all, golden_text, listener, world_of

GOLDEN = Path(__file__).parents[4] / "golden" / "operator" / "routes"
NAMES = sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml"))


def compiled(name):
    text = (GOLDEN / f"{name}.in.yaml").read_text()
    given = [one["attach"] for one in yaml.safe_load_all(text) if "attach" in one]
    listeners = [listener(**one) for one in given[0]] if given else [HTTP]
    world = world_of(text)
    return compile_rules(world, attach_all(world, *listeners)), listeners


@pytest.mark.parametrize("name", NAMES)
def test_a_world_compiles_to_its_document_and_statuses(name):
    assert golden_text(compiled(name)[0]) == (GOLDEN / f"{name}.out.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_gateways_can_read_every_document(name):
    rules, listeners = compiled(name)
    document = {
        "listeners": [{"name": one.name, "port": 20_000 + at} for at, one in enumerate(listeners)],
        "upstreams": list(rules.upstreams.values()),
        "routes": list(rules.routes),
    }
    tables = read_tables(document).tables
    named = {share.name for route in tables.routes for share in route.upstreams}
    assert named <= {one.name for one in tables.upstreams}
