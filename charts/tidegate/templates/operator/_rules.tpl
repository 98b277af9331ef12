{{/* What the operator reads of policies and gateways, and what it writes back, wherever it watches. */}}
{{- define "tidegate.watchRules" -}}
- apiGroups: [tidegate.dev]
  resources: [resiliencepolicies]
  verbs: [get, list, watch]
- apiGroups: [tidegate.dev]
  resources: [resiliencepolicies/status]
  verbs: [get, patch, update]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* What the operator reads of the whole cluster to compile routes, and what it writes for Gateways. */}}
{{- define "tidegate.routeRules" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources: [backendtlspolicies, gatewayclasses, gateways, grpcroutes, httproutes, listenersets, referencegrants]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources:
    - backendtlspolicies/status
    - gatewayclasses/status
    - gateways/status
    - grpcroutes/status
    - httproutes/status
    - listenersets/status
  verbs: [patch]
# Which version of Gateway API is installed (condition SupportedVersion of the GatewayClass); without it nothing is said.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames:
    - backendtlspolicies.gateway.networking.k8s.io
    - gatewayclasses.gateway.networking.k8s.io
    - gateways.gateway.networking.k8s.io
    - grpcroutes.gateway.networking.k8s.io
    - httproutes.gateway.networking.k8s.io
    - listenersets.gateway.networking.k8s.io
    - referencegrants.gateway.networking.k8s.io
  verbs: [get]
- apiGroups: [networking.k8s.io]
  resources: [ingressclasses, ingresses]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses/status]
  verbs: [patch]
# Secrets of the type kubernetes.io/tls only are asked for; RBAC knows no such difference.
- apiGroups: [""]
  resources: [configmaps, namespaces, secrets]
  verbs: [list, watch]
# A Service for each Gateway, in the Gateway's namespace, and its EndpointSlices.
- apiGroups: [""]
  resources: [services]
  verbs: [create, delete, list, patch, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [create, delete, list, patch, watch]
{{- end }}
