"""The policies as they were last listed, and each spec read once per generation. Pure."""

from collections.abc import Iterable, Iterator

from app.operator.kube.resources import PolicyObject
from app.operator.policy.compile import Verdict, read_spec
from app.policy.model import Spec

__all__ = ["PolicyCache"]


class PolicyCache:
    """`has_synced`: whether a full list came yet; before, that there is no policy means nothing."""

    def __init__(self) -> None:
        self._policies: dict[str, PolicyObject] = {}
        self._specs: dict[tuple[str, int], Spec | Verdict] = {}
        self.has_synced = False

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[PolicyObject]:
        return iter(tuple(self._policies.values()))

    def get(self, uid: str) -> PolicyObject | None:
        """None for one that was not in the last list."""
        return self._policies.get(uid)

    def spec_of(self, policy: PolicyObject) -> Spec | Verdict:
        """`read_spec(policy)`, remembered while the policy is listed with this generation."""
        key = (policy.uid, policy.generation)
        spec = self._specs.get(key)
        if spec is None:
            spec = self._specs[key] = read_spec(policy)
        return spec

    def replace(self, policies: Iterable[PolicyObject]) -> list[PolicyObject]:
        """Takes over a full list; the policies that were created or edited since the last one, if any."""
        before, had_synced = self._policies, self.has_synced
        self._policies = {policy.uid: policy for policy in policies}
        self.has_synced = True
        keys = {(policy.uid, policy.generation) for policy in self._policies.values()}
        self._specs = {key: spec for key, spec in self._specs.items() if key in keys}
        if not had_synced:
            return []
        return [
            policy
            for uid, policy in self._policies.items()
            if (known := before.get(uid)) is None or known.generation != policy.generation
        ]

    def update(self, known: PolicyObject, stored: PolicyObject) -> None:
        """`known` is stored as `stored` now; a list that came meanwhile knows at least as much and stays."""
        if self.is_latest(known):
            self._policies[known.uid] = stored

    def is_latest(self, policy: PolicyObject) -> bool:
        """Whether no list and no write came since this object was read."""
        return self._policies.get(policy.uid) is policy
