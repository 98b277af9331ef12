"""What a class says of the installed version of Gateway API."""

from dataclasses import replace

import pytest

from app.operator.routes.bundle_version import version_condition
from app.operator.routes.compiled import ObjectId
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.world import read_world
from tests.app.operator.routes.manifests import objects
from tests.app.operator.routes.test_compile import BASE, compiler

GATEWAYS, ROUTES = "gateways.gateway.networking.k8s.io", "httproutes.gateway.networking.k8s.io"


@pytest.mark.parametrize("version", ["v1.5.0", "v1.6.1", "v1.7.0", "v1.7.0-rc.2"])
def test_a_version_that_we_know_is_supported(version):
    found = version_condition({GATEWAYS: version, ROUTES: version})
    assert found is not None
    assert (found.type, found.status, found.reason) == ("SupportedVersion", "True", "SupportedVersion")
    assert found.message == f"Gateway API {version} is installed"


@pytest.mark.parametrize("version", ["v1.4.1", "v0.8.0", "v1.8.0", "v2.5.0", "1.7.0", "v1.7", "main"])
def test_any_other_version_is_named_with_what_to_install(version):
    found = version_condition({ROUTES: version, GATEWAYS: version})
    assert found is not None
    assert (found.status, found.reason) == ("False", "UnsupportedVersion")
    assert f"installed is {version} (gateways, httproutes): " in found.message
    assert found.message.endswith("install v1.7")


def test_a_definition_without_a_version_is_named():
    found = version_condition({GATEWAYS: "v1.7.0", ROUTES: ""})
    assert found is not None
    assert (found.status, found.reason) == ("False", "UnsupportedVersion")
    assert "installed is one without a version (httproutes): " in found.message
    assert "gateways" not in found.message


def test_each_version_of_a_mixture_that_we_do_not_know_is_named():
    found = version_condition({GATEWAYS: "v1.3.0", ROUTES: "v1.2.1"})
    assert found is not None
    assert "installed is v1.2.1 (httproutes); v1.3.0 (gateways): " in found.message


def test_a_message_stays_short_whatever_the_annotation_says():
    found = version_condition({GATEWAYS: "x" * 200_000})
    assert found is not None
    assert len(found.message) < 300


def test_nothing_is_said_where_no_definition_could_be_read():
    assert version_condition({}) is None


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({}, {"Accepted": "True"}),
        ({GATEWAYS: "v1.7.0"}, {"Accepted": "True", "SupportedVersion": "True"}),
        ({GATEWAYS: "v1.2.0"}, {"Accepted": "True", "SupportedVersion": "False"}),
    ],
)
def test_a_class_is_accepted_with_any_version(versions, expected):
    world = replace(read_world(objects(BASE)), bundle_versions=versions)
    said = compiler().compile(world).statuses[ObjectId("GatewayClass", ObjectKey("", "tidegate"))]
    assert {one.type: one.status for one in said.conditions or ()} == expected
