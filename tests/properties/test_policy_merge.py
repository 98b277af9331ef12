"""The hierarchy against a plain oracle: collect all that applies, sort by (specificity, source, order)."""

from hypothesis import given
from hypothesis import strategies as st

from app.policy.effective import Origin, Source
from app.policy.merge import Stated, find_conflicts, layer, resolve, target_text
from app.policy.model import CircuitBreaker, Policy, Spec, TargetGroup, TargetKind, TargetRef, Timeout

LAST = ((CircuitBreaker(), Origin(Source.BUILT_IN, "built-in", "Gateway")),)
LAST_TIMEOUT = ((Timeout(), Origin(Source.BUILT_IN, "built-in", "Gateway")),)

targets = st.one_of(
    st.builds(TargetRef, st.just(TargetKind.GATEWAY), st.sampled_from([None, "edge", "inner"])),
    st.builds(
        TargetRef, st.sampled_from([TargetKind.ROUTE, TargetKind.UPSTREAM]), st.sampled_from(["a", "b"])
    ),
)
specs = st.builds(
    Spec,
    targets=st.lists(targets, min_size=1, max_size=3, unique=True).map(tuple),
    circuit_breaker=st.one_of(
        st.none(), st.builds(CircuitBreaker, consecutive_failures=st.one_of(st.none(), st.integers(1, 9)))
    ),
    timeout=st.one_of(st.none(), st.builds(Timeout, request_s=st.sampled_from([1.0, 2.0]))),
)
stated_lists = st.lists(st.tuples(specs, st.sampled_from([Source.FILE, Source.RESOURCE])), max_size=8).map(
    lambda pairs: [Stated(Policy(f"p{i}", spec), source) for i, (spec, source) in enumerate(pairs)]
)

RANKS = {TargetKind.ROUTE: 3, TargetKind.UPSTREAM: 2, TargetKind.GATEWAY: 0}


def oracle(stated, value_of, route, upstream, gateway):
    found = []
    for order, said in enumerate(stated):
        value = value_of(said.policy.spec)
        for target in said.policy.spec.targets:
            applies = {
                TargetKind.ROUTE: target.name == route,
                TargetKind.UPSTREAM: target.name == upstream,
                TargetKind.GATEWAY: target.name in (None, gateway),
            }[target.kind]
            if value is not None and applies:
                named = target.kind is TargetKind.GATEWAY and target.name is not None
                origin = Origin(said.source, said.policy.name, target_text(target))
                found.append(((-RANKS[target.kind] - named, -said.source, order), value, origin))
    return [(value, origin) for _, value, origin in sorted(found, key=lambda one: one[0])]


def chain(effective):
    return [(effective.value, effective.origin), *effective.losers]


@given(stated_lists, st.sampled_from(["a", "b", "z"]), st.sampled_from(["a", "b", "z"]))
def test_breakers_resolve_as_the_oracle_says(stated, route, upstream):
    def settings(spec):
        breaker = spec.circuit_breaker
        return breaker if breaker is not None and breaker.consecutive_failures is not None else None

    levels = layer(stated, gateway="edge").circuit_breaker
    got = chain(resolve(levels, LAST, route=route, upstream=upstream))
    assert got == [*oracle(stated, settings, route, upstream, "edge"), *LAST]


@given(stated_lists, st.sampled_from(["a", "b", "z"]))
def test_timeouts_resolve_as_the_oracle_says(stated, route):
    levels = layer(stated, gateway="edge").timeout
    got = chain(resolve(levels, LAST_TIMEOUT, route=route))
    assert got == [*oracle(stated, lambda spec: spec.timeout, route, None, "edge"), *LAST_TIMEOUT]


@given(stated_lists, st.randoms())
def test_without_conflicts_the_order_of_policies_does_not_matter(stated, random):
    kept: list[Stated] = []
    for said in stated:
        same = [other.policy for other in kept if other.source is said.source]
        if not find_conflicts([*same, said.policy]):
            kept.append(said)
    shuffled = list(kept)
    random.shuffle(shuffled)
    for route in ("a", "b", "z"):
        one, other = layer(kept, gateway="edge"), layer(shuffled, gateway="edge")
        assert resolve(one.timeout, LAST_TIMEOUT, route=route) == resolve(
            other.timeout, LAST_TIMEOUT, route=route
        )


@given(stated_lists, st.integers(0, 7))
def test_a_deleted_policy_returns_what_it_covered_to_the_next_in_the_chain(stated, index):
    gone = f"p{index}"
    before = chain(resolve(layer(stated, gateway="edge").timeout, LAST_TIMEOUT, route="a"))
    rest = [said for said in stated if said.policy.name != gone]
    after = chain(resolve(layer(rest, gateway="edge").timeout, LAST_TIMEOUT, route="a"))
    assert after == [setting for setting in before if setting[1].policy != gone]


API = TargetGroup.GATEWAY_API
objects = st.one_of(
    st.builds(TargetRef, st.just(TargetKind.GATEWAY), st.sampled_from([None, "edge"])),
    st.builds(TargetRef, st.just(TargetKind.GATEWAY), st.sampled_from(["edge", "web"]), st.just(API)),
    st.builds(TargetRef, st.just(TargetKind.SERVICE), st.sampled_from(["a", "b"]), st.just(TargetGroup.CORE)),
    st.builds(
        TargetRef,
        st.sampled_from([TargetKind.HTTP_ROUTE, TargetKind.GRPC_ROUTE]),
        st.sampled_from(["a", "b"]),
        st.just(API),
        st.sampled_from([None, "x", "y"]),
    ),
)
object_policies = st.lists(
    st.tuples(st.lists(objects, min_size=1, max_size=3, unique=True), st.sampled_from(["shop", "far"])),
    max_size=8,
).map(
    lambda pairs: [
        Stated(
            Policy(f"p{i}", Spec(tuple(refs), circuit_breaker=CircuitBreaker(i + 1)), namespace),
            Source.RESOURCE,
        )
        for i, (refs, namespace) in enumerate(pairs)
    ]
)


def rank_at(target, namespace, rule):
    """How specific a target is for rule `rule` of HTTPRoute shop/a, to Service shop/a, at Gateway shop/web."""
    match target.kind, target.is_object:
        case TargetKind.GATEWAY, False:
            return 0 if target.name is None else 1
        case _ if namespace != "shop":
            return None
        case TargetKind.GATEWAY, True:
            return 2 if target.name == "web" else None
        case TargetKind.SERVICE, _:
            return 3 if target.name == "a" else None
        case TargetKind.HTTP_ROUTE, _ if target.name == "a":
            return {None: 4, rule: 5}.get(target.section)
    return None


@given(object_policies, st.sampled_from(["x", "y", "0"]))
def test_objects_resolve_by_how_specific_they_are_and_in_their_own_namespace(stated, rule):
    levels = layer(stated, gateway="edge").circuit_breaker
    found = resolve(
        levels,
        LAST,
        route=f"httproute/shop/a/{rule}",
        upstream="service/shop/a/80",
        gateway="gateway/shop/web",
    )
    expected = []
    for order, said in enumerate(stated):
        for target in said.policy.spec.targets:
            rank = rank_at(target, said.policy.namespace, rule)
            if rank is not None:
                expected.append((-rank, order, said.policy.name, target_text(target)))
    got = [(origin.policy, origin.target) for _, origin in chain(found)[:-1]]
    assert got == [(name, text) for _, _, name, text in sorted(expected, key=lambda one: one[:2])]
