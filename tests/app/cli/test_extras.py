from importlib import metadata
from importlib.util import find_spec

import pytest

from app.cli import extras
from app.cli.commands import dispatch
from app.cli.fault_report import exit_code
from app.foundation.errors import StartFault
from tests.fakes.process import ROOT


@pytest.fixture
def missing(monkeypatch):
    """No package is installed."""
    monkeypatch.setattr(extras, "find_spec", lambda _: None)


def test_what_is_installed_is_no_fault():
    assert all(find_spec(package) for package in extras.OPERATOR)
    extras.need(extras.OPERATOR, "operator")


@pytest.mark.parametrize(
    ("argv", "command", "package"),
    [
        (["explain", "shop/Gateway"], "explain", "lightkube"),
        (["status", "--kube"], "status --kube", "lightkube"),
        (["operator"], "operator", "lightkube"),
    ],
)
@pytest.mark.usefixtures("missing")
def test_a_missing_package_is_one_line_with_the_command_of_this_checkout(argv, command, package, capsys):
    assert exit_code(lambda: dispatch(argv)) == 1
    assert capsys.readouterr().err == (
        f"error: `tidegate {command}` needs the Python package {package}, which is not installed; "
        f"run: make -C {ROOT} install-kube\n"
    )


@pytest.mark.usefixtures("missing")
def test_a_wrong_argument_comes_before_a_missing_package(capsys):
    assert exit_code(lambda: dispatch(["explain", "foo"])) == 2
    assert capsys.readouterr().err.startswith("error: NAMESPACE/TARGET: 'foo' names no target; ")


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (["a>=1", "lightkube<2,>=1.0.1; extra == 'operator'", "x; extra == 'dev'"], "'lightkube<2,>=1.0.1'"),
        (None, "lightkube stamina kopf cryptography"),
    ],
)
@pytest.mark.usefixtures("missing")
def test_where_a_wheel_is_installed_pip_gets_what_its_extra_asks_for(listed, said, tmp_path, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda _: listed)
    with pytest.raises(StartFault, match=rf"run: \S+python\S* -m pip install {said}$"):
        extras.need(("lightkube",), "explain", tmp_path)


@pytest.mark.usefixtures("missing")
def test_a_source_tree_that_was_never_installed_has_the_names(tmp_path, monkeypatch):
    def nowhere(_):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", nowhere)
    with pytest.raises(StartFault, match="pip install lightkube stamina kopf cryptography"):
        extras.need(("lightkube",), "explain", tmp_path)
