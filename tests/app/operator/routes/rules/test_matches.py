import pytest

from app.operator.routes.objects.routes import GrpcMatch, HttpMatch, ValueMatch
from app.operator.routes.rules.matches import match_documents

EXACT = "Exact"


def http(path_type="PathPrefix", path="/", method=None, headers=(), query=()):
    return HttpMatch(path_type, path, method, tuple(headers), tuple(query))


def grpc(service=None, method=None, kind=EXACT):
    return GrpcMatch(kind, service, method, ())


def documents(*matches):
    found, faults = match_documents(matches, "spec.rules[0]")
    assert faults == []
    return found


def faults(*matches):
    return [str(fault) for fault in match_documents(matches, "spec.rules[0]")[1]]


def test_what_takes_everything_says_nothing():
    assert documents(http()) == [{}]


@pytest.mark.parametrize(
    ("path_type", "kind"), [("Exact", "exact"), ("PathPrefix", "prefix"), ("RegularExpression", "regex")]
)
def test_each_type_of_path(path_type, kind):
    assert documents(http(path_type, "/a")) == [{"path": {kind: "/a"}}]


def test_of_equivalent_names_the_first_counts():
    headers = [ValueMatch(EXACT, "Version", "one"), ValueMatch(EXACT, "version", "two")]
    query = [
        ValueMatch(EXACT, "a", "1"),
        ValueMatch("RegularExpression", "A", "2.*"),
        ValueMatch(EXACT, "a", "3"),
    ]
    assert documents(http(method="GET", headers=headers, query=query)) == [
        {"methods": ["GET"], "headers": {"Version": "one"}, "query": {"a": "1", "A": {"regex": "2.*"}}}
    ]


@pytest.mark.parametrize(
    ("match", "path"),
    [
        (grpc("a.B", "C"), {"exact": "/a.B/C"}),
        (grpc("a.B"), {"prefix": "/a.B"}),
        (grpc(method="C.D"), {"regex": r"/[^/]+/C\.D"}),
        (grpc("a.*", "C", "RegularExpression"), {"regex": "/(?:a.*)/(?:C)"}),
        (grpc(kind="RegularExpression"), {"regex": "/[^/]+/[^/]+"}),
    ],
)
def test_a_grpc_method_is_a_path(match, path):
    assert documents(match) == [{"path": path}]


def test_any_grpc_method_comes_after_a_method_of_any_service():
    assert documents(grpc()) == [{}]
    assert documents(grpc(), grpc(method="C"))[0] == {"path": {"regex": "/.*"}}


@pytest.mark.parametrize(
    ("match", "fault"),
    [
        (http("RegularExpression", "("), "spec.rules[0].matches[1].path.value: is no regex: "),
        (http("Near"), "spec.rules[0].matches[1].path.type: is Near; it must be Exact or PathPrefix or Reg"),
        (http(method="CONNECT"), "spec.rules[0].matches[1].method: is CONNECT, which the gateway never "),
        (
            http(headers=[ValueMatch("Near", "x", "y")]),
            "spec.rules[0].matches[1].headers[x]: is Near; it must",
        ),
        (
            http(query=[ValueMatch("Near", "x", "y")]),
            "spec.rules[0].matches[1].queryParams[x]: is Near; it must",
        ),
        (
            http(headers=[ValueMatch("RegularExpression", "x", "(")]),
            "spec.rules[0].matches[1].headers[x]: is no",
        ),
        (grpc("a b"), "spec.rules[0].matches[1].method: holds spaces or characters outside ASCII"),
        (
            grpc("a", kind="Near"),
            "spec.rules[0].matches[1].method.type: is Near; it must be Exact or Regular",
        ),
    ],
)
def test_what_cannot_be_matched_is_named_by_its_field(match, fault):
    (found,) = faults(http(), match)
    assert found.startswith(fault)


def test_the_other_matches_stay():
    found, faults = match_documents([http("Exact", "/a"), http("Exact", "a")], "spec.rules[0]")
    assert (found, len(faults)) == ([{"path": {"exact": "/a"}}], 1)
