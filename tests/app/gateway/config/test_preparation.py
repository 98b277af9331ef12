import logging

import pytest

from app.foundation.errors import ConfigFaults
from app.gateway.config.preparation import Inputs, prepare
from app.settings import load_settings
from tests.fakes.gateway_parts import ONE_ROUTE

PATH = "gateway.yaml"


def prepared(config: str = ONE_ROUTE, **environment: str):
    settings = load_settings({"CONFIG_FILE": PATH, **environment})
    return prepare(settings, Inputs({PATH: config.encode()}), 7, 0.0, lambda _: {})


def test_it_is_planned_from_the_contents_it_is_given():
    made = prepared()
    assert (made.plans.table.sequence, [plan.name for plan in made.plans.plans]) == (7, ["all"])
    assert dict(made.contents) == {PATH: ONE_ROUTE.encode()}


@pytest.mark.parametrize(
    ("expose", "landing"), [("monitor", b"/monitor"), ("monitor,metrics", b"/monitor"), ("none", b"")]
)
def test_a_browser_lands_on_the_monitor_only_where_it_is_exposed(expose, landing):
    assert prepared(EXPOSE=expose).plans.landing == landing


def test_without_a_file_the_environment_makes_the_route():
    settings = load_settings({"AUTH": "none", "EXPOSE": "none"})
    made = prepare(settings, Inputs({}), 1, 0.0, lambda _: {})
    assert [str(each.route.name) for each in made.plans.table.routes] == ["default"]


def test_the_credential_of_the_cache_is_the_environments():
    settings = load_settings({"AUTH": "none", "CACHE_TOKEN": "token-1"})
    made = prepare(settings, Inputs({}), 1, 0.0, lambda _: {})
    assert made.credentials["cache"].value == b"Bearer token-1"


def test_all_files_of_credentials_that_cannot_be_read_are_faults():
    upstreams = ", ".join(
        f'{name}: {{endpoints: ["http://127.0.0.1:9"], credential: {{file: /nowhere/{name}}}}}'
        for name in ("cache", "spare")
    )
    config = ONE_ROUTE.replace('cache: {endpoints: ["http://127.0.0.1:9"]}', upstreams)
    with pytest.raises(ConfigFaults) as caught:
        prepared(config)
    assert [fault.path for fault in caught.value.faults] == ["/nowhere/cache", "/nowhere/spare"]


def test_what_is_valid_but_dangerous_is_logged(caplog):
    made = prepared(ONE_ROUTE.replace("{prefix: /}", '{regex: "/(a+)+b"}'))
    with caplog.at_level(logging.WARNING, "tidegate.config"):
        made.log_warnings()
    assert "valid, but dangerous" in caplog.text
