import pytest

from app.cli.commands import dispatch
from app.cli.fault_report import exit_code


@pytest.fixture
def asked(monkeypatch):
    """What was asked of `actions`, by the name of the function."""
    found = {}
    for name in ("run_why", "run_kube_why", "run_tap", "run_kube_tap"):

        def run(*given, name=name):
            found[name] = given
            return 0

        monkeypatch.setattr(f"app.cli.actions.{name}", run)
    return found


def test_one_gateway_or_a_namespace_is_asked(asked):
    assert dispatch(["why", "id-1"]) == 0
    assert dispatch(["why", "id-2", "-n", "shop"]) == 0
    assert asked == {"run_why": ("http://127.0.0.1:9080", "id-1"), "run_kube_why": ("shop", "id-2")}


def test_options_of_tap_are_a_query(asked):
    words = "tap --reason rate_limited --route r --client c --breaker b -o json"
    assert dispatch(words.split()) == 0
    assert dispatch([*words.split(), "-n", "shop"]) == 0
    url, query = asked["run_tap"]
    assert (url, query.reason, query.route, query.client, query.breaker, query.output) == (
        "http://127.0.0.1:9080",
        "rate_limited",
        "r",
        "c",
        "b",
        "json",
    )
    assert asked["run_kube_tap"] == ("shop", query)


def test_another_output_is_a_fault(asked, capsys):
    assert dispatch(["tap", "-o", "yaml"]) == 2
    assert "json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "cure"),
    [("rate_limitd", "did you mean rate_limited?"), ("odd", "write one of request_malformed, ")],
)
def test_a_reason_that_there_is_not_is_a_fault(asked, capsys, word, cure):
    assert exit_code(lambda: dispatch(["tap", "--reason", word])) == 2
    err = capsys.readouterr().err
    assert "--reason: knows no" in err
    assert cure in err
    assert asked == {}
