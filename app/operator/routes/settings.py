"""What the compiler of cluster routes must know of the installation. Pure."""

from dataclasses import dataclass

__all__ = ["CONTROLLER", "CompileSettings"]

CONTROLLER = "tidegate.dev/gateway-controller"


@dataclass(frozen=True, slots=True)
class CompileSettings:
    """`controller`: GatewayClasses and IngressClasses that name it are ours.

    `namespace`: the operator's, where the Service of all Ingresses is. `service_type`: of the Gateways' Services,
    ClusterIP, NodePort or LoadBalancer.
    """

    namespace: str
    controller: str = CONTROLLER
    service_type: str = "LoadBalancer"
