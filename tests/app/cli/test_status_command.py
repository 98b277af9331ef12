import pytest

from app.__main__ import main


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--watch", "--fail-on", "open"], "--fail-on: is for one look, --watch has no end; leave one out"),
        (
            ["upstreams"],
            "status: knows no 'upstreams'; write one of breakers, routes, limits, or leave it out",
        ),
        (["routes", "a", "b"], "status routes: is given 2 names; write one, or none for all"),
        (["routes", "--kube"], "routes: is for one gateway, --kube for a cluster; leave one out"),
        (
            ["--kube", "--fail-on", "open"],
            "--fail-on: is for one gateway, --kube for a cluster; leave one out",
        ),
        (["-n", "shop"], "--namespace: is for a cluster; add --kube, or leave it out"),
    ],
)
def test_options_that_contradict_each_other_are_usage_faults(words, says, capsys):
    assert main(["status", *words]) == 2
    assert capsys.readouterr() == ("", f"error: {says}\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-o", "xml"], "'xml' is not one of 'table', 'wide', 'json', 'yaml'"),
        (["--fail-on", "closed"], "'closed' is not one of 'open'"),
    ],
)
def test_words_that_are_not_known_are_usage_faults(words, says, capsys):
    assert main(["status", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
