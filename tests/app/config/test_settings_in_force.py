from app.config.settings_in_force import LONGEST_VALUE, settings_in_force
from app.config.sync.summary import MOST_SETTINGS
from tests.app.config.test_edits import TWO_ROUTES, limit, policy, table


def by_name(text: str) -> dict[str, str]:
    found = settings_in_force(table(text)).settings
    return {f"{one.target} {one.stanza}": one.value for one in found}


def test_breakers_come_first_then_the_stanzas_of_each_route():
    found = by_name(TWO_ROUTES + policy("kind: Route, name: a", "timeout: {request: 7s}"))
    assert list(found) == [
        "Upstream/o circuitBreaker",
        "Upstream/p circuitBreaker",
        "Route/a rateLimit",
        "Route/a timeout",
        "Route/a retry",
        "Route/b rateLimit",
        "Route/b timeout",
        "Route/b retry",
    ]
    assert '"request":"7s"' in found["Route/a timeout"]
    assert found["Route/b retry"] == "unset"


def test_a_route_with_several_matches_stands_once():
    several = TWO_ROUTES.replace(
        "match: {path: {prefix: /a}}", "matches: [{path: {prefix: /a}}, {path: {prefix: /c}}]"
    )
    once, twice = settings_in_force(table(TWO_ROUTES)), settings_in_force(table(several))
    assert once == twice


def test_a_breaker_of_one_route_is_named_with_it():
    found = by_name(TWO_ROUTES + policy("kind: Route, name: a", "circuitBreaker: {consecutiveFailures: 9}"))
    assert '"consecutiveFailures":9' in found["Upstream/o on Route/a circuitBreaker"]


def test_the_digest_is_the_same_for_the_same_settings_alone():
    one, same, other = (
        settings_in_force(table(TWO_ROUTES + policy("kind: Gateway", limit(requests))))
        for requests in (10, 10, 11)
    )
    assert one.digest == same.digest != other.digest
    assert len(one.digest) == 16


def test_a_value_that_is_too_long_is_cut_and_still_compared():
    rules = ", ".join(
        f"{{name: rule-{number}, key: Client, requests: {number + 1}, period: 1m}}" for number in range(9)
    )
    first = by_name(TWO_ROUTES + policy("kind: Gateway", f"rateLimit: {{rules: [{rules}]}}"))
    changed = rules.replace("requests: 9", "requests: 99")
    second = by_name(TWO_ROUTES + policy("kind: Gateway", f"rateLimit: {{rules: [{changed}]}}"))
    value, other = first["Route/a rateLimit"], second["Route/a rateLimit"]
    assert len(value) <= LONGEST_VALUE
    assert value != other


def test_only_the_first_are_listed_and_the_digest_is_of_all():
    def many(last: str) -> str:
        routes = "".join(
            f"  - {{name: r{number}, match: {{path: {{prefix: /{number}}}}}, upstream: o, auth: none}}\n"
            for number in range(400)
        )
        text = f"upstreams: {{o: {{endpoints: [http://o]}}}}\nroutes:\n{routes}"
        return text + policy("kind: Route, name: r399", f"timeout: {{request: {last}}}")

    first, second = settings_in_force(table(many("7s"))), settings_in_force(table(many("8s")))
    assert len(first.settings) == MOST_SETTINGS
    assert first.settings == second.settings
    assert first.digest != second.digest
