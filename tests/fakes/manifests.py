"""A ResiliencePolicy as a file for kubectl has it."""

__all__ = ["BREAKER", "manifest"]


BREAKER = "circuitBreaker: {consecutiveFailures: 3}"


def manifest(
    stanza: str = BREAKER,
    name: str = "orders",
    namespace: str = "shop",
    target: str = "{kind: Route, name: orders}",
) -> str:
    """`stanza` and `target` are YAML; its text, with a line of its own for each."""
    return (
        "apiVersion: tidegate.dev/v1alpha1\n"
        "kind: ResiliencePolicy\n"
        f"metadata: {{name: {name}, namespace: {namespace}, labels: {{app: x}}}}\n"
        "spec:\n"
        f"  targetRefs: [{target}]\n"
        f"  {stanza}\n"
    )
