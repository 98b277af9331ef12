"""The name of the custom resource, as clusters know it."""

__all__ = ["API_VERSION", "CONTROLLER", "GROUP", "KIND", "PLURAL", "VERSION"]

GROUP = "tidegate.dev"
"""API group of the custom resource and of everything a policy may target."""

CONTROLLER = f"{GROUP}/gateway-controller"
"""Who serves Gateways, and signs what it says in the statuses of others' objects."""

VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ResiliencePolicy"
PLURAL = "resiliencepolicies"
