import tracemalloc

import orjson
import pytest

from app.config.model import (
    Auth,
    CertificateName,
    Listener,
    ListenerName,
    ListenerProtocol,
    Match,
    Mirror,
    PathKind,
    Redirect,
    Tables,
    UpstreamName,
    UpstreamProtocol,
    UpstreamTls,
)
from app.config.parsing.tables import read_tables as read_again
from app.config.table_items import kept_tables
from app.foundation.errors import ConfigFaults
from app.policy.model import Retry, RetryOn, Timeout

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ORDERS = {"name": "service/shop/orders/8080", "discovered": True}
WEB = {"name": "shop/web/http", "port": 20_001, "publicPort": 80}


def read_tables(tables):
    return read_again(tables).tables


def route(**more):
    return {
        "name": "httproute/shop/web/0",
        "listeners": ["shop/web/http"],
        "upstream": "service/shop/orders/8080",
        "auth": "none",
        **more,
    }


def document(*routes, upstreams=(ORDERS,), listeners=(WEB,)):
    return {"listeners": list(listeners), "upstreams": list(upstreams), "routes": list(routes)}


def faults_of(tables):
    with pytest.raises(ConfigFaults) as caught:
        read_tables(tables)
    return [str(fault) for fault in caught.value.faults]


def test_an_empty_document_has_nothing():
    assert read_tables({}) == Tables()


def test_listeners_are_read():
    https = {
        "name": "shop/web/https",
        "port": 20_002,
        "protocol": "https",
        "hosts": ["*.example.com"],
        "certificates": ["secret/shop/cert"],
    }
    assert read_tables(document(listeners=[WEB, https])).listeners == (
        Listener(ListenerName("shop/web/http"), 20_001, public_port=80),
        Listener(
            ListenerName("shop/web/https"),
            20_002,
            ListenerProtocol.HTTPS,
            ("*.example.com",),
            (CertificateName("secret/shop/cert"),),
        ),
    )


def test_an_upstream_is_discovered_or_missing():
    orders, secure, gone = read_tables(
        document(
            upstreams=[
                ORDERS,
                {
                    "name": "service/shop/secure/443",
                    "discovered": True,
                    "protocol": "h2",
                    "tls": {"ca": PEM, "serverName": "secure", "clientCertificate": "secret/shop/client"},
                },
                {"name": "service/shop/gone/80", "missing": "Service shop/gone does not exist"},
            ]
        )
    ).upstreams
    assert (orders.is_discovered, orders.is_discovered_tls, orders.missing) == (True, False, None)
    assert (orders.endpoints, orders.tls, orders.protocol) == ((), UpstreamTls(), UpstreamProtocol.AUTO)
    assert (secure.is_discovered_tls, secure.protocol) == (True, UpstreamProtocol.H2)
    assert secure.tls == UpstreamTls(
        None, "secure", PEM, client_certificate=CertificateName("secret/shop/client")
    )
    assert (gone.is_discovered, gone.missing) == (False, "Service shop/gone does not exist")


def test_empty_tls_is_tls_with_the_systems_certificates():
    (upstream,) = read_tables(document(upstreams=[{**ORDERS, "tls": {}}])).upstreams
    assert (upstream.is_discovered_tls, upstream.tls) == (True, UpstreamTls())


def test_a_route_with_several_matches_is_several_of_one_name():
    prefix, exact = read_tables(
        document(
            route(
                matches=[{"hosts": ["a.b"]}, {"path": {"exact": "/x"}, "methods": ["GET"]}],
                mirror=[{"upstream": "service/shop/orders/8080", "percent": 10}],
                timeout={"request": "5s"},
                retry={"attempts": 2, "on": [503]},
            )
        )
    ).routes
    assert (prefix.name, exact.name) == ("httproute/shop/web/0",) * 2
    assert prefix.match == Match(hosts=("a.b",))
    assert exact.match == Match(path_kind=PathKind.EXACT, path="/x", methods=("GET",))
    assert (exact.auth, exact.listeners) == (Auth.NONE, ("shop/web/http",))
    assert exact.mirrors == (Mirror(UpstreamName("service/shop/orders/8080"), 0.1),)
    assert exact.timeout == Timeout(request_s=5.0)
    assert exact.retry == Retry(2, on=RetryOn(frozenset(), frozenset({503})))


def test_an_upstream_may_stand_twice_in_a_route_since_each_has_edits_of_its_own():
    one, other = ({"name": ORDERS["name"], "requestHeaders": {"set": {"X-To": to}}} for to in ("a", "b"))
    mirrors = [{"upstream": ORDERS["name"]}] * 2
    (read,) = read_tables(document(route(upstream=[one, other], mirror=mirrors))).routes
    assert [each.request_headers.set for each in read.upstreams] == [(("X-To", "a"),), (("X-To", "b"),)]
    assert len(read.mirrors) == 2


def test_order_settles_what_a_files_author_would_have_to():
    again = route(redirect={"status": 303})
    del again["upstream"]
    first, _, last = read_tables(document(route(), route(), again)).routes
    assert first.name == last.name
    assert last.redirect == Redirect(303)


@pytest.mark.parametrize(
    ("tables", "place", "cure"),
    [
        ([], "tables: is a list, not a mapping", "give listeners, upstreams, routes"),
        ({"policies": []}, "tables.policies: is not a known key", "known here"),
        ({"routes": ["a"]}, "tables.routes[0]: is a text, not a mapping", "give name"),
        (
            document(route(name="web")),
            "tables.routes[0].name: 'web' is no name of the cluster",
            "service/shop",
        ),
        (document(route(listeners=["shop/web/x"])), "routes[0].listeners: names the unknown listener", "add"),
        (document(route(upstream="service/a/b/1")), "routes[0].upstream: names the unknown upstream", "add"),
        (
            document(route(mirror=[{"upstream": "service/a/b/1"}])),
            "routes[0].mirror: names the unknown upstream",
            "add",
        ),
        (document(upstreams=[ORDERS, ORDERS]), "upstreams[1].name: repeats service/shop/orders/8080", "once"),
        (document(listeners=[WEB, WEB]), "listeners[1].name: repeats shop/web/http", "once"),
        (
            document(listeners=[WEB, {**WEB, "name": "shop/api/http"}]),
            "listeners[1].hosts: has *, as listener shop/web/http on port 20001 has",
            "one listener",
        ),
        (
            document(upstreams=[{"name": "service/a/b/1"}]),
            "upstreams[0]: has no endpoints",
            "discovered: true",
        ),
        (
            document(upstreams=[{**ORDERS, "missing": "gone"}]),
            "upstreams[0]: is both discovered and missing",
            "or why",
        ),
        (
            document(upstreams=[{**ORDERS, "endpoints": []}]),
            "upstreams[0].endpoints: is not a known key",
            "known here",
        ),
        (document(upstreams=[{**ORDERS, "discovered": 1}]), "discovered: is a number", "true or false"),
    ],
)
def test_a_bad_document_is_rejected_with_place_and_cure(tables, place, cure):
    (fault,) = faults_of(tables)
    assert place in fault
    assert cure in fault


def test_a_route_without_listeners_would_be_served_on_the_gateways_own_port():
    bad = route()
    del bad["listeners"]
    assert "tables.routes[0].listeners: is required" in faults_of(document(bad))[0]


def test_what_did_not_change_is_the_same_object():
    known = read_again(document(route(), route(name="httproute/shop/web/1")))
    changed = read_again(document(route(), route(name="httproute/shop/web/1", auth="key")), known)
    before, after = known.tables, changed.tables
    assert before.routes[0] is after.routes[0]
    assert before.upstreams[0] is after.upstreams[0]
    assert before.listeners[0] is after.listeners[0]
    assert (before.routes[1].auth, after.routes[1].auth) == (Auth.NONE, Auth.KEY)
    assert len(changed.routes) == 2


def test_what_thousands_of_routes_have_in_common_is_one_object():
    texts = [orjson.dumps(route(name=f"httproute/shop/web/{number}")) for number in range(2)]
    one, other = read_tables(document(*map(orjson.loads, texts))).routes
    assert one.listeners is other.listeners
    assert one.upstreams is other.upstreams


def test_items_that_are_kept_as_bytes_read_as_the_document_that_they_were_kept_from():
    given = document(route(), route(name="httproute/shop/web/1"))
    known = read_again(given)
    kept = read_again(kept_tables(given))
    assert kept.tables == known.tables
    again = read_again(kept_tables(given), known)
    assert again.tables.routes[1] is known.tables.routes[1]


def test_a_fault_of_an_item_that_is_kept_is_named_with_its_place():
    assert faults_of(kept_tables(document(route(), route(auth="none?")))) == faults_of(
        document(route(), route(auth="none?"))
    )


def test_what_is_kept_for_the_next_document_is_small():
    given = document(*(route(name=f"httproute/shop/web/{number}") for number in range(500)))
    tracemalloc.start()
    try:
        read = read_again(given)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read.routes) == 500
    assert kept_bytes < 500 * 2_000
