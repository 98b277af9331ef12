"""The schema of a policy's `spec`, from its declared fields.

`spec_schema` is what the custom resource carries (`crd`); `strict_schema` is the same for plain JSON Schema
validators, where an unknown key is a fault. Each description has unit, default and what an edit does.
"""

from app.policy.spec_fields import SPEC
from app.schema.nodes import Schema, closed

__all__ = ["spec_schema", "strict_schema"]


def spec_schema() -> Schema:
    """OpenAPI v3 with Kubernetes' extensions; a structural schema."""
    return SPEC.node()


def strict_schema() -> Schema:
    """JSON Schema of `spec` for editors and offline checks: without the rules, unknown keys rejected."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **closed(spec_schema())}
