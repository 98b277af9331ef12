"""Connections to the operator and to gateways of any namespace, and to no other pod."""

from app.cli.kube.cluster_query import ADMIN_PORT, Connect, ready_operators
from app.cli.kube.forward_target import Target
from app.cli.kube.gateways import gateway_pods
from app.cli.kube.port_forward import Tunnel, open_tunnel
from app.foundation.errors import ClusterError, ConfigFaults, StartFault
from app.operator.kube.client import KubeClient

__all__ = ["PodTunnels"]


class PodTunnels:
    """`chosen`: what stands behind the local port. An operator may be replaced by another pod while somebody looks."""

    def __init__(self, cluster: KubeClient, connected: Connect, chosen: Target, *, is_operator: bool) -> None:
        self._cluster, self._connected = cluster, connected
        self._chosen, self._is_operator = chosen, is_operator
        self._operator = chosen
        self._ports: dict[Target, int] = {}

    async def open(self, target: Target) -> Tunnel:
        """Raises ClusterError."""
        if not self._is_operator or target != self._chosen:
            return await self._to(target, await self._port_of(target))
        try:
            return await self._to(self._operator, ADMIN_PORT)
        except ClusterError as error:
            if error.code != 404:
                raise
        self._operator = Target(self._operator.namespace, await self._next_operator())
        return await self._to(self._operator, ADMIN_PORT)

    async def _to(self, target: Target, port: int) -> Tunnel:
        return await open_tunnel(self._cluster, target.namespace, target.pod, port)

    async def _next_operator(self) -> str:
        try:
            return (await ready_operators(self._cluster))[0]
        except (ConfigFaults, StartFault) as fault:
            raise ClusterError("find", "the operator", 0, str(fault)) from fault

    async def _port_of(self, target: Target) -> int:
        """Of a gateway's admin API."""
        if target not in self._ports:
            self._ports |= await self._gateways_of(target)
        if target not in self._ports:
            why = f"no gateway of namespace {target.namespace} has that name"
            raise ClusterError("find", f"gateway {target.pod}", 404, why)
        return self._ports[target]

    async def _gateways_of(self, target: Target) -> dict[Target, int]:
        """Those of its namespace. Who may not list them can name one all the same, with the usual port."""
        cluster = self._connected(target.namespace)
        try:
            found = await gateway_pods(cluster)
        except (ConfigFaults, StartFault) as fault:
            raise ClusterError("find", f"gateway {target.pod}", 404, str(fault)) from fault
        except ClusterError as error:
            if error.code != 403 or target != self._chosen:
                raise
            found = [(target.pod, ADMIN_PORT)]
        finally:
            await cluster.close()
        return {Target(target.namespace, pod): port for pod, port in found}
