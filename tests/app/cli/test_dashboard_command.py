import pytest

from app.cli import actions
from app.cli.commands import dispatch
from app.cli.fault_report import exit_code


@pytest.mark.parametrize(
    ("argv", "given"),
    [
        ([], (None, None, 0, True)),
        (["-n", "shop", "gw-0"], ("shop", "gw-0", 0, True)),
        (["--port", "9080", "--no-open"], (None, None, 9080, False)),
    ],
)
def test_what_is_asked_for_is_done(monkeypatch, argv, given):
    asked = []

    def run(namespace, pod, port, *, opens):
        asked.append((namespace, pod, port, opens))
        return 0

    monkeypatch.setattr(actions, "run_dashboard", run)
    assert exit_code(lambda: dispatch(["dashboard", *argv])) == 0
    assert asked == [given]


def test_a_port_that_is_none_is_a_wrong_command_line(capsys):
    assert exit_code(lambda: dispatch(["dashboard", "--port", "70000"])) == 2
    assert "See tidegate dashboard --help" in capsys.readouterr().err


def test_it_needs_the_client_of_kubernetes(monkeypatch, capsys):
    monkeypatch.setattr("app.cli.extras.find_spec", lambda _: None)
    assert exit_code(lambda: dispatch(["dashboard"])) == 1
    assert "`tidegate dashboard` needs the Python package lightkube" in capsys.readouterr().err
