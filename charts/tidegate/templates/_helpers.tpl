{{- define "tidegate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters, so that every suffix fits into 63; what is cut is told apart by a hash. */}}
{{- define "tidegate.fullname" -}}
{{- $name := .Values.fullnameOverride }}
{{- if not $name }}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name (include "tidegate.name" .)) (contains (include "tidegate.name" .) .Release.Name) }}
{{- end }}
{{- if gt (len $name) 40 }}
{{- $name = printf "%s-%s" (trunc 31 $name | trimSuffix "-") (sha256sum $name | trunc 8) }}
{{- end }}
{{- $name | trimSuffix "-" }}
{{- end }}

{{- define "tidegate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* Cluster-scoped names carry namespace and release. */}}
{{- define "tidegate.clusterName" -}}
{{- printf "%s:%s" (include "tidegate.namespace" .) (include "tidegate.fullname" .) }}
{{- end }}

{{/* The first four take (list $ "component"). */}}
{{- define "tidegate.componentName" -}}
{{- printf "%s-%s" (include "tidegate.fullname" (first .)) (last .) }}
{{- end }}

{{- /* ConfigMaps beside the snapshot's own, for one that is too large for it: the operator's snapshot_parts. */ -}}
{{- define "tidegate.snapshotParts" -}}
a1,a2,a3,b1,b2,b3
{{- end }}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tidegate.name" (first .) | quote }}
app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selectorLabels" . }}
{{- with first . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tidegate
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "tidegate.metadata" -}}
name: {{ include "tidegate.componentName" . }}
namespace: {{ include "tidegate.namespace" (first .) }}
labels:
  {{- include "tidegate.labels" . | nindent 2 }}
{{- end }}

{{- define "tidegate.serviceAccountName" -}}
{{- $account := (index (first .).Values (last .)).serviceAccount }}
{{- if $account.create }}
{{- default (include "tidegate.componentName" .) $account.name }}
{{- else }}
{{- default "default" $account.name }}
{{- end }}
{{- end }}

{{/* (list $ .Values.….image "default tag") */}}
{{- define "tidegate.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- $name := $image.repository }}
{{- with $root.Values.global.imageRegistry }}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name }}
{{- end }}
{{- if $image.digest }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default (index . 2) $image.tag) }}
{{- end }}
{{- end }}

{{- define "tidegate.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tidegate.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}

{{/* (list $ values-of-the-component): what every pod may be told about where it runs. */}}
{{- define "tidegate.scheduling" -}}
{{- $root := first . }}
{{- with last . }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list $ "component"): soft spread over zones and nodes, unless the values say how. */}}
{{- define "tidegate.spread" -}}
{{- $given := (index (first .).Values (last .)).topologySpreadConstraints }}
topologySpreadConstraints:
{{- if $given }}
  {{- toYaml $given | nindent 2 }}
{{- else }}
{{- $labels := include "tidegate.selectorLabels" . }}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{/* (list $ "component"): labels of its pods; none that a new chart alone would change, and so restart them. */}}
{{- define "tidegate.podLabels" -}}
{{- include "tidegate.selectorLabels" . }}
app.kubernetes.io/part-of: tidegate
{{- with (index (first .).Values (last .)).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (list path port): the three probes. Liveness depends on nothing but the process. */}}
{{- define "tidegate.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: {{ . }}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ . }}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  httpGet:
    path: /livez
    port: {{ . }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* Whether the cluster, or apiVersionsOverride, has (list $ "group/version" "Kind"). */}}
{{- define "tidegate.has" -}}
{{- $root := index . 0 }}
{{- $version := index . 1 }}
{{- if or (has $version $root.Values.apiVersionsOverride) ($root.Capabilities.APIVersions.Has (printf "%s/%s" $version (index . 2))) -}}
true
{{- end }}
{{- end }}

{{/* Whether the gateway has an API key in a variable: from which Secret. */}}
{{- define "tidegate.apiKeySecret" -}}
{{- with .Values.gateway }}
{{- if .apiKey.existingSecret }}
{{- .apiKey.existingSecret }}
{{- else if or .apiKey.value (and (eq .auth "key") (not .keys.existingSecret)) }}
{{- include "tidegate.componentName" (list $ "api-key") }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret that holds the bundled Valkey's password. */}}
{{- define "tidegate.valkeyPasswordSecret" -}}
{{- default (include "tidegate.componentName" (list . "valkey-password")) .Values.valkey.password.existingSecret }}
{{- end }}

{{/* The variable VALKEY_PASSWORD. Kubernetes puts it into the variables and arguments that say $(VALKEY_PASSWORD). */}}
{{- define "tidegate.valkeyPasswordEnv" -}}
- name: VALKEY_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "tidegate.valkeyPasswordSecret" . }}
      key: valkey-password
{{- end }}

{{/* An annotation that restarts the pods when valkey.password.value changes, or nothing. */}}
{{- define "tidegate.valkeyPasswordChecksum" -}}
{{- if and .Values.valkey.enabled .Values.valkey.password.value -}}
checksum/valkey-password: {{ sha256sum .Values.valkey.password.value | trunc 8 }}
{{- end }}
{{- end }}

{{/* The Secret whose entry "tidegate.redisUrlKey" is the address of Redis; nothing where a variable holds it. */}}
{{- define "tidegate.redisSecret" -}}
{{- if .Values.redis.existingSecret }}
{{- .Values.redis.existingSecret }}
{{- else if and .Values.valkey.enabled (not .Values.redis.url) }}
{{- with .Values.valkey.password }}
{{- if or (not .existingSecret) .urlKey }}
{{- include "tidegate.valkeyPasswordSecret" $ }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tidegate.redisUrlKey" -}}
{{- with .Values.valkey }}
{{- ternary .password.urlKey "url" (not (or $.Values.redis.existingSecret (not .enabled) (not .password.existingSecret))) }}
{{- end }}
{{- end }}

{{/* REDIS_URL as a file where a Secret holds it, else as a variable, or nothing. */}}
{{- define "tidegate.redisEnv" -}}
{{- if include "tidegate.redisSecret" . }}
- name: REDIS_URL_FILE
  value: /etc/tidegate/redis/url
{{- else if .Values.redis.url }}
- name: REDIS_URL
  value: {{ .Values.redis.url | quote }}
{{- else if .Values.valkey.enabled }}
{{ include "tidegate.valkeyPasswordEnv" . }}
- name: REDIS_URL
  value: redis://:$(VALKEY_PASSWORD)@{{ include "tidegate.componentName" (list . "valkey") }}:6379/0
{{- end }}
{{- end }}

{{- define "tidegate.redisMount" -}}
{{- if include "tidegate.redisSecret" . }}
- name: redis
  mountPath: /etc/tidegate/redis
  readOnly: true
{{- end }}
{{- end }}

{{- define "tidegate.redisVolume" -}}
{{- with include "tidegate.redisSecret" . }}
- name: redis
  secret:
    secretName: {{ . }}
    items:
      - key: {{ include "tidegate.redisUrlKey" $ }}
        path: url
{{- end }}
{{- end }}

{{/* The Secret with the operator's certificate, unless it makes its own. */}}
{{- define "tidegate.syncSecret" -}}
{{- if eq .Values.sync.tls.mode "Secret" }}
{{- .Values.sync.tls.secretName }}
{{- else if eq .Values.sync.tls.mode "CertManager" }}
{{- include "tidegate.componentName" (list . "sync-tls") }}
{{- end }}
{{- end }}

{{/* Egress that every pod needs: names. */}}
{{- define "tidegate.dnsEgress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{/* (list $ "component" port) as one egress rule. */}}
{{- define "tidegate.egressTo" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "tidegate.selectorLabels" (list (index . 0) (index . 1)) | nindent 10 }}
  ports:
    - port: {{ index . 2 }}
{{- end }}

{{/* Ingress from monitoring to the named port. */}}
{{- define "tidegate.ingressFromMonitoring" -}}
- from:
    - namespaceSelector:
        {{- toYaml (first .).Values.monitoring.namespaceSelector | nindent 8 }}
  ports:
    - port: {{ last . }}
{{- end }}

{{/* Names of the operator's Service, joined by commas. */}}
{{- define "tidegate.syncNames" -}}
{{- $name := include "tidegate.componentName" (list . "operator") }}
{{- $service := printf "%s.%s" $name (include "tidegate.namespace" .) }}
{{- join "," (list $name $service (printf "%s.svc" $service) (printf "%s.svc.%s" $service .Values.clusterDomain)) }}
{{- end }}

{{/* Whose the GatewayClass of the cluster is: this release's ("ours"), another release's or nobody's; nothing without it.
A kind that the cluster does not know cannot be looked up: Helm ends. */}}
{{- define "tidegate.classOwner" -}}
{{- if and .Values.gatewayAPI.className (include "tidegate.has" (list . "gateway.networking.k8s.io/v1" "GatewayClass")) }}
{{- with lookup "gateway.networking.k8s.io/v1" "GatewayClass" "" .Values.gatewayAPI.className }}
{{- $of := dig "metadata" "annotations" dict . }}
{{- if not (index $of "meta.helm.sh/release-name") -}}
nobody
{{- else if and (eq (index $of "meta.helm.sh/release-name") $.Release.Name) (eq (index $of "meta.helm.sh/release-namespace") $.Release.Namespace) -}}
ours
{{- else -}}
another
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether routes come from the cluster: "true"; "auto" where its kinds may be installed later; "false". */}}
{{- define "tidegate.gatewayAPIMode" -}}
{{- $enabled := toString .Values.gatewayAPI.enabled }}
{{- if ne $enabled "auto" -}}
{{ $enabled }}
{{- else if eq (include "tidegate.classOwner" .) "another" -}}
false
{{- else if include "tidegate.has" (list . "gateway.networking.k8s.io/v1" "GatewayClass") -}}
true
{{- else -}}
auto
{{- end }}
{{- end }}

{{/* Whether routes come from the cluster now: true, or nothing. */}}
{{- define "tidegate.gatewayAPI" -}}
{{- if and .Values.operator.enabled (eq (include "tidegate.gatewayAPIMode" .) "true") -}}
true
{{- end }}
{{- end }}

{{/* Whether the gateway has a route that the cluster does not bring, of gateway.config or the built-in one: true, or nothing. */}}
{{- define "tidegate.ownRoutes" -}}
{{- if hasKey .Values.gateway.config "routes" }}
{{- if .Values.gateway.config.routes }}true{{ end }}
{{- else if .Values.cache.enabled -}}
true
{{- end }}
{{- end }}

{{/* Why no route comes from the cluster, and what to do; ask only where that is so. */}}
{{- define "tidegate.whyNoGatewayAPI" -}}
{{- $mode := include "tidegate.gatewayAPIMode" . }}
{{- if not .Values.operator.enabled -}}
there is no operator to read those of the cluster (set operator.enabled to true)
{{- else if eq $mode "auto" -}}
this cluster does not know Gateway API (install it; a render that cannot ask the cluster takes apiVersionsOverride=[gateway.networking.k8s.io/v1])
{{- else if eq (toString .Values.gatewayAPI.enabled) "false" -}}
gatewayAPI.enabled is false (set it to true)
{{- else -}}
the GatewayClass {{ .Values.gatewayAPI.className }} belongs to another release (set gatewayAPI.className and gatewayAPI.controllerName to names of this one)
{{- end }}
{{- end }}
