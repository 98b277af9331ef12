"""A cluster to test on, or every test of the marker `cluster` fails at once and says what it needs."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Namespace, run


@pytest.fixture(scope="session")
def _reachable() -> None:
    for program in ("kubectl", "helm"):
        assert shutil.which(program), f"{program} is not in PATH"
    run("kubectl", "get", "nodes", seconds=20)


@pytest.fixture(scope="module")
def space(request: pytest.FixtureRequest, _reachable: None) -> Iterator[Namespace]:
    """A namespace of the module's own, named by its `NAMESPACE`; left for a look where a test failed."""
    made = Namespace(request.module.NAMESPACE)
    made.create()
    failed = request.session.testsfailed
    yield made
    if request.session.testsfailed > failed:
        made.describe()
    else:
        made.delete()
