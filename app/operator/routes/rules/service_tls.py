"""TLS towards Services (BackendTLSPolicy, GEP-1897): which policy holds for a port, and what its status says. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.config.parsing.spelling import CLUSTER
from app.config.parsing.upstream_tls import upstream_tls_record
from app.operator.kube.resources import Condition
from app.operator.routes.compiled import ObjectId, ObjectStatus, ParentStatus, condition
from app.operator.routes.objects.certificates import ConfigMap, Secret
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.policies import TlsPolicy
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef, ParentRef
from app.operator.routes.objects.services import Service
from app.schema.faults import Faults, spell

__all__ = ["ServiceTls", "TlsVerdict"]

_KIND = "BackendTLSPolicy"
_TLS = upstream_tls_record(CLUSTER)

Ancestors = Mapping[ObjectKey, frozenset[ObjectKey]]
"""By Service: the Gateways that route to it."""


@dataclass(frozen=True, slots=True)
class TlsVerdict:
    """What a policy comes to. `tls`: as an upstream of the document has it; None: nothing may be sent, as `fault` says.

    `resolved`: its condition ResolvedRefs; `fault_reason`: that of Accepted where `fault` is set.
    """

    policy: ObjectKey
    resolved: Condition
    tls: Mapping[str, object] | None = None
    fault: str = ""
    fault_reason: str = ""


@dataclass(frozen=True, slots=True)
class _Target:
    """A port of a Service by its name; None: all of its ports."""

    service: ObjectKey
    section: str | None


class ServiceTls:
    """Built for one world; each policy is judged when it is first asked for."""

    __slots__ = ("_config_maps", "_policies", "_secrets", "_services", "_verdicts", "_winners")

    def __init__(
        self,
        policies: Iterable[TlsPolicy],
        config_maps: Mapping[ObjectKey, ConfigMap],
        secrets: Mapping[ObjectKey, Secret],
        services: Mapping[ObjectKey, Service],
    ) -> None:
        self._policies = sorted(policies, key=lambda policy: policy.meta.age_order)
        self._config_maps, self._secrets, self._services = config_maps, secrets, services
        self._verdicts: dict[ObjectKey, TlsVerdict] = {}
        self._winners: dict[_Target, TlsPolicy] = {}
        for policy in self._policies:  # the oldest wins (GEP-713)
            for target in _targets(policy):
                self._winners.setdefault(target, policy)

    @property
    def services(self) -> frozenset[ObjectKey]:
        """Those that a policy names."""
        return frozenset(target.service for target in self._winners)

    def of(self, service: ObjectKey, port_name: str) -> TlsVerdict | None:
        """What holds for a port of a Service; None: plain text. A policy for the port comes before one for all."""
        policy = self._winners.get(_Target(service, port_name)) if port_name else None
        policy = policy or self._winners.get(_Target(service, None))
        return None if policy is None else self._verdict(policy)

    def statuses(self, ancestors: Ancestors) -> dict[ObjectId, ObjectStatus]:
        """What every policy's status must say: an entry for each Gateway that routes to one of its targets."""
        found: dict[ObjectId, ObjectStatus] = {}
        for policy in self._policies:
            gateways = {
                gateway
                for target in _targets(policy)
                for gateway in ancestors.get(target.service, frozenset())
            }
            conditions = self._conditions(policy)
            found_id = ObjectId(_KIND, policy.meta.key)
            found[found_id] = ObjectStatus(
                id=found_id,
                uid=policy.meta.uid,
                generation=policy.meta.generation,
                ancestors=tuple(
                    ParentStatus(ParentRef(GATEWAY_GROUP, "Gateway", key.name, key.namespace), conditions)
                    for key in sorted(gateways)
                ),
            )
        return found

    def _verdict(self, policy: TlsPolicy) -> TlsVerdict:
        key = policy.meta.key
        if key not in self._verdicts:
            self._verdicts[key] = _judge(policy, self._config_maps, self._secrets)
        return self._verdicts[key]

    def _conditions(self, policy: TlsPolicy) -> tuple[Condition, ...]:
        verdict = self._verdict(policy)
        for target in _targets(policy):
            winner = self._winners[target]
            if winner is not policy:
                what = f"{_KIND} {winner.meta.key} is older and holds for Service {target.service} already"
                return condition("Accepted", False, "Conflicted", what), verdict.resolved
            if missing := self._missing_port(target):
                return condition("Accepted", False, "TargetNotFound", missing), verdict.resolved
        if verdict.fault:
            return condition("Accepted", False, verdict.fault_reason, verdict.fault), verdict.resolved
        return condition("Accepted", True, "Accepted", "Connections to its targets use TLS"), verdict.resolved

    def _missing_port(self, target: _Target) -> str:
        service = self._services.get(target.service)
        if service is None or target.section is None:
            return ""
        names = [port.name for port in service.ports if port.name]
        if target.section in names:
            return ""
        return f"Service {target.service} has no port {target.section}; its ports are {', '.join(names) or 'unnamed'}"


def _targets(policy: TlsPolicy) -> list[_Target]:
    namespace = policy.meta.namespace
    return [
        _Target(ObjectKey(namespace, one.name), one.section_name)
        for one in policy.targets
        if (one.group, one.kind) == ("", "Service")
    ]


@dataclass(slots=True)
class _Authorities:
    """What the references to CA certificates came to: PEM texts, and the first reason why one does not count."""

    texts: list[str] = field(default_factory=list)
    reason: str = ""
    fault: str = ""


def _judge(
    policy: TlsPolicy, config_maps: Mapping[ObjectKey, ConfigMap], secrets: Mapping[ObjectKey, Secret]
) -> TlsVerdict:
    key = policy.meta.key
    authorities = _read_authorities(policy, config_maps, secrets)
    if authorities.fault:
        resolved = condition("ResolvedRefs", False, authorities.reason, authorities.fault)
    else:
        resolved = condition("ResolvedRefs", True, "ResolvedRefs", "All references exist")
    if policy.unknown:
        fault = f"{policy.unknown[0]}: is not supported; remove it"
        return TlsVerdict(key, resolved, fault=fault, fault_reason="Invalid")
    if policy.well_known not in {None, "System"}:
        fault = f"spec.validation.wellKnownCACertificates: is {policy.well_known}; it must be System"
        return TlsVerdict(key, resolved, fault=fault, fault_reason="Invalid")
    if policy.well_known is None and not authorities.texts:
        fault = (
            authorities.fault or "spec.validation: has neither caCertificateRefs nor wellKnownCACertificates"
        )
        return TlsVerdict(key, resolved, fault=fault, fault_reason="NoValidCACertificate")
    tls: dict[str, object] = {"serverName": policy.hostname}
    if policy.well_known is None:
        tls["ca"] = "\n".join(authorities.texts)
    if names := list(dict.fromkeys(name.value for name in policy.alt_names)):
        tls["subjectAltNames"] = names
    found = Faults()
    _TLS.open(tls, (), found)
    if len(found):
        first = found.found[0]
        fault = f"spec.validation.{spell(first.path)}: {first.what}; {first.fix}"
        return TlsVerdict(key, resolved, fault=fault, fault_reason="Invalid")
    return TlsVerdict(key, resolved, tls)


def _read_authorities(
    policy: TlsPolicy, config_maps: Mapping[ObjectKey, ConfigMap], secrets: Mapping[ObjectKey, Secret]
) -> _Authorities:
    found = _Authorities()
    for index, ref in enumerate(policy.ca_refs):
        reason, fault = _read_authority(ref, policy.meta.namespace, config_maps, secrets, found.texts)
        if fault and not found.fault:
            found.reason, found.fault = reason, f"spec.validation.caCertificateRefs[{index}]: {fault}"
    return found


def _read_authority(
    ref: ObjectRef,
    namespace: str,
    config_maps: Mapping[ObjectKey, ConfigMap],
    secrets: Mapping[ObjectKey, Secret],
    texts: list[str],
) -> tuple[str, str]:
    """Adds what `ref` holds to `texts`; or why it does not count, with the reason for ResolvedRefs."""
    if ref.group or ref.kind not in {"ConfigMap", "Secret"}:
        return "InvalidKind", f"{ref} cannot be used; name a ConfigMap or a Secret with ca.crt"
    key = ObjectKey(namespace, ref.name)
    held = config_maps.get(key) if ref.kind == "ConfigMap" else secrets.get(key)
    if held is None:
        return "InvalidCACertificateRef", f"{ref.kind} {key} does not exist"
    if held.ca_fault is not None:
        return "InvalidCACertificateRef", f"{ref.kind} {key}: {held.ca_fault}"
    texts.append(held.ca.decode().strip())
    return "", ""
