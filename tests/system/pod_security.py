"""What the Pod Security Standard "restricted" refuses, and what the chart promises beyond it, of one pod.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (read 2026-11).
"""

from collections.abc import Iterator
from typing import Any

from tests.system.chart import containers

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_PROFILES = ("RuntimeDefault", "Localhost")


def pod_faults(pod: dict[str, Any]) -> list[str]:
    """Return every way in which a pod is open, as sentences."""
    spec = pod["spec"]
    found = [f"{name} is on" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= _VOLUMES:
            found.append(f"volume {volume['name']}: is of a kind that is not allowed")
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
            found.append(f"volume {volume['name']}: has no limit")
    if spec.get("automountServiceAccountToken") is not False:
        found.append("has a token for Kubernetes")
    if spec.get("enableServiceLinks") is not False:
        found.append("has variables of all services")
    security = spec.get("securityContext") or {}
    if security.get("sysctls"):
        found.append("changes the kernel")
    found += [f"pod: {fault}" for fault in _given_faults(security)]
    for one in containers(pod):
        found += [f"container {one['name']}: {fault}" for fault in _container_faults(one, security)]
    return found


def _given_faults(security: dict[str, Any]) -> Iterator[str]:
    """Yield what is refused wherever it stands: a pod's value also where each of its containers has a better one."""
    if security.get("runAsNonRoot") is False or security.get("runAsUser") == 0:
        yield "may be root"
    if (security.get("seccompProfile") or {}).get("type", _PROFILES[0]) not in _PROFILES:
        yield "may call all of the kernel"
    if (security.get("appArmorProfile") or {}).get("type", _PROFILES[0]) not in _PROFILES:
        yield "may do what AppArmor would refuse"
    if security.get("procMount", "Default") != "Default":
        yield "may see all of /proc"


def _container_faults(container: dict[str, Any], of_pod: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    both = {**of_pod, **own}
    yield from _given_faults(own)
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if own.get("privileged"):
        yield "is privileged"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "has capabilities"
    if both.get("runAsNonRoot") is not True or not isinstance(both.get("runAsUser"), int) or both["runAsUser"] == 0:
        yield "may be root"
    if (both.get("seccompProfile") or {}).get("type") not in _PROFILES:
        yield "may call all of the kernel"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "has a port of the node"
    if any("subPath" in mount for mount in container.get("volumeMounts", ())):
        yield "mounts a single file, which follows no change"
