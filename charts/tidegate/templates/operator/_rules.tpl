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
