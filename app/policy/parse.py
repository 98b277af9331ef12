"""Reads the `spec` of a ResiliencePolicy: one strict schema for the file and the custom resource.

Every fault is reported, each with its field path. Fields, bounds and rules: `spec_fields`; defaults: `model`.
"""

from app.policy.model import Spec
from app.policy.spec_fields import SPEC
from app.schema.faults import Faults, Found, Path, spell

__all__ = ["parse_spec", "read_spec"]


def parse_spec(value: object, path: str = "spec") -> Spec:
    """The spec that `value` (from YAML or JSON) says; raises ConfigFaults, all with paths below `path`."""
    faults = Faults()
    spec = read_spec(value, (), faults)

    def label(found: Found) -> str:
        inner = spell(found.path)
        return path + inner if inner.startswith("[") or not inner else f"{path}.{inner}"

    faults.raise_any(label)
    return spec


def read_spec(value: object, path: Path, faults: Faults) -> Spec:
    """As `parse_spec`, noting what is wrong in `faults`; the result counts only if nothing was noted."""
    return SPEC.open(value, path, faults) or Spec(())
