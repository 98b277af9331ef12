{{/* Every combination that cannot work, with what to change. Included by every render, in NOTES.txt's stead. */}}
{{- define "tidegate.guard" -}}
{{- $wrong := list }}
{{- $gateway := .Values.gateway }}
{{- if and $gateway.apiKey.existingSecret $gateway.apiKey.value }}
{{- $wrong = append $wrong "gateway.apiKey.existingSecret and gateway.apiKey.value are two sources of one key: set one of them" }}
{{- end }}
{{- if and $gateway.keys.existingSecret (or $gateway.apiKey.existingSecret $gateway.apiKey.value) }}
{{- $wrong = append $wrong "gateway.keys.existingSecret and gateway.apiKey are two sources of keys: put the key's hash into the keys file, and set only gateway.keys.existingSecret" }}
{{- end }}
{{- if and (eq $gateway.auth "none") (or $gateway.apiKey.existingSecret $gateway.apiKey.value) }}
{{- $wrong = append $wrong "gateway.auth is none and gateway.apiKey is set: set gateway.auth to key, or take the key away" }}
{{- end }}
{{- if and $gateway.keys.existingSecret (or (hasKey $gateway.config "keys") (hasKey $gateway.config "keysFile")) }}
{{- $wrong = append $wrong "gateway.keys.existingSecret and keys in gateway.config are two sources of keys: keep one of them" }}
{{- end }}
{{- if not (or (include "tidegate.ownRoutes" .) (include "tidegate.gatewayAPI" .)) }}
{{- $why := include "tidegate.whyNoGatewayAPI" . }}
{{- if hasKey $gateway.config "routes" }}
{{- $wrong = append $wrong (printf "gateway.config.routes is empty, and %s: set gateway.config.routes, or let routes come from the cluster" $why) }}
{{- else }}
{{- $wrong = append $wrong (printf "cache.enabled is false, gateway.config has no routes, and %s, so the gateway would lead nowhere: set gateway.config.routes, or cache.enabled to true, or let routes come from the cluster" $why) }}
{{- end }}
{{- end }}
{{- if and $gateway.hpa.enabled $gateway.keda.enabled }}
{{- $wrong = append $wrong "gateway.hpa and gateway.keda would scale the same pods: enable one of them" }}
{{- end }}
{{- if and $gateway.hpa.enabled (not (dig "requests" "cpu" "" $gateway.resources)) }}
{{- $wrong = append $wrong "gateway.hpa measures CPU against its request: set gateway.resources.requests.cpu" }}
{{- end }}
{{- if and (eq (toString $gateway.workers) "auto") (not (dig "requests" "cpu" "" $gateway.resources)) }}
{{- $wrong = append $wrong "gateway.workers is auto, which counts the cores that are requested: set gateway.resources.requests.cpu, or a number of workers" }}
{{- end }}
{{- if and $gateway.keda.enabled (not $gateway.keda.prometheusAddress) }}
{{- $wrong = append $wrong "gateway.keda asks Prometheus: set gateway.keda.prometheusAddress, such as http://prometheus.monitoring:9090" }}
{{- end }}
{{- range $scaler, $bounds := dict "hpa" (list $gateway.hpa.minReplicas $gateway.hpa.maxReplicas) "keda" (list $gateway.keda.minReplicaCount $gateway.keda.maxReplicaCount) }}
{{- if gt (int (first $bounds)) (int (last $bounds)) }}
{{- $wrong = append $wrong (printf "gateway.%s has a minimum of replicas above its maximum: raise the maximum" $scaler) }}
{{- end }}
{{- end }}
{{- $most := int $gateway.replicas }}
{{- if $gateway.hpa.enabled }}{{ $most = int $gateway.hpa.minReplicas }}{{ end }}
{{- if $gateway.keda.enabled }}{{ $most = int $gateway.keda.minReplicaCount }}{{ end }}
{{- if and $gateway.pdb.enabled (lt $most 2) }}
{{- $wrong = append $wrong "gateway.pdb with one replica would only say that it may go: raise gateway.replicas to 2, or disable gateway.pdb" }}
{{- end }}
{{- if and .Values.cache.pdb.enabled (lt (int .Values.cache.replicas) 2) }}
{{- $wrong = append $wrong "cache.pdb with one replica would only say that it may go: raise cache.replicas to 2, or disable cache.pdb" }}
{{- end }}
{{- range $name, $part := dict "gateway" $gateway "cache" .Values.cache }}
{{- $needed := add (int $part.drainDelaySeconds) (int $part.drainTimeoutSeconds) 5 }}
{{- if lt (int $part.terminationGracePeriodSeconds) (int $needed) }}
{{- $wrong = append $wrong (printf "%s.terminationGracePeriodSeconds is %d, and draining takes up to %d: raise it to at least that" $name (int $part.terminationGracePeriodSeconds) (int $needed)) }}
{{- end }}
{{- end }}
{{- if and .Values.redis.url .Values.redis.existingSecret }}
{{- $wrong = append $wrong "redis.url and redis.existingSecret are two sources of one address: set one of them" }}
{{- end }}
{{- if regexMatch "://[^/]*:[^/]*@" .Values.redis.url }}
{{- $wrong = append $wrong "redis.url holds a password, which everybody who may read Deployments would see: put the URL into a Secret under `url`, and set redis.existingSecret" }}
{{- end }}
{{- $external := or .Values.redis.url .Values.redis.existingSecret }}
{{- if and .Values.valkey.enabled $external }}
{{- $wrong = append $wrong "valkey.enabled is true beside a Redis of your own: set valkey.enabled to false" }}
{{- end }}
{{- with .Values.valkey }}
{{- if and .password.existingSecret .password.value }}
{{- $wrong = append $wrong "valkey.password.existingSecret and valkey.password.value are two sources of one password: set one of them" }}
{{- end }}
{{- if has "--requirepass" .extraArgs }}
{{- $wrong = append $wrong "valkey.extraArgs sets a password that gateway and cache service do not know: set valkey.password.existingSecret instead" }}
{{- end }}
{{- end }}
{{- if and .Values.cache.requireRedis (not .Values.valkey.enabled) (not $external) }}
{{- $wrong = append $wrong "cache.requireRedis needs a Redis: set redis.url, redis.existingSecret or valkey.enabled" }}
{{- end }}
{{- range $component := list "gateway" "cache" }}
{{- with (index $.Values $component).networkPolicy }}
{{- if and .egress (not .restrictEgress) }}
{{- $wrong = append $wrong (printf "%s.networkPolicy.egress lists what the pods may reach, and without restrictEgress they reach everything: set %s.networkPolicy.restrictEgress to true, or take egress away" $component $component) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.sync.tls }}
{{- if and (eq .mode "Secret") (not .secretName) }}
{{- $wrong = append $wrong "sync.tls.mode is Secret: set sync.tls.secretName to a Secret with tls.crt, tls.key and ca.crt" }}
{{- end }}
{{- if and (eq .mode "CertManager") (not .issuerRef) }}
{{- $wrong = append $wrong "sync.tls.mode is CertManager: set sync.tls.issuerRef, such as {name: internal-ca, kind: Issuer}" }}
{{- end }}
{{- if and (eq .mode "Auto") (or .secretName .issuerRef) }}
{{- $wrong = append $wrong "sync.tls.mode is Auto, which makes its own certificate: set sync.tls.mode to Secret or CertManager, or take secretName and issuerRef away" }}
{{- end }}
{{- end }}
{{- if and $gateway.bootstrap.requireSnapshot (not .Values.operator.enabled) }}
{{- $wrong = append $wrong "gateway.bootstrap.requireSnapshot waits for the operator's settings: set operator.enabled to true" }}
{{- end }}
{{- if and $gateway.tls.clientCASecretName (not $gateway.tls.secretName) }}
{{- $wrong = append $wrong "gateway.tls.clientCASecretName verifies client certificates of HTTPS: set gateway.tls.secretName too" }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.monitoring.podMonitor.enabled }}
{{- $wrong = append $wrong "monitoring.serviceMonitor and monitoring.podMonitor would count everything twice: enable one of them" }}
{{- end }}
{{- if and $gateway.httpRoute.enabled (not $gateway.httpRoute.parentRefs) }}
{{- $wrong = append $wrong "gateway.httpRoute attaches to Gateways: set gateway.httpRoute.parentRefs" }}
{{- end }}
{{- if and (eq (toString .Values.gatewayAPI.enabled) "true") (not .Values.operator.enabled) }}
{{- $wrong = append $wrong "gatewayAPI.enabled is true, and the operator is what reads routes from the cluster: set operator.enabled to true" }}
{{- end }}
{{- $oldest := "0.1.0-0" }}
{{- range $component := list "gateway" "cache" "operator" }}
{{- $tag := (index $.Values $component).image.tag }}
{{- if and (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+" $tag) (not (semverCompare (printf ">=%s" $oldest) $tag)) }}
{{- $wrong = append $wrong (printf "%s.image.tag %s is older than this chart supports: use %s or newer" $component $tag $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- range $kind, $wanted := dict
      "ServiceMonitor" (list .Values.monitoring.serviceMonitor.enabled "monitoring.coreos.com/v1" "monitoring.serviceMonitor")
      "PodMonitor" (list .Values.monitoring.podMonitor.enabled "monitoring.coreos.com/v1" "monitoring.podMonitor")
      "PrometheusRule" (list .Values.monitoring.prometheusRule.enabled "monitoring.coreos.com/v1" "monitoring.prometheusRule")
      "GrafanaDashboard" (list (and .Values.monitoring.dashboards.enabled (eq .Values.monitoring.dashboards.kind "GrafanaDashboard")) "grafana.integreatly.org/v1beta1" "monitoring.dashboards")
      "ScaledObject" (list $gateway.keda.enabled "keda.sh/v1alpha1" "gateway.keda")
      "HTTPRoute" (list $gateway.httpRoute.enabled "gateway.networking.k8s.io/v1" "gateway.httpRoute")
      "GatewayClass" (list (and .Values.operator.enabled (eq (toString .Values.gatewayAPI.enabled) "true") (ne .Values.gatewayAPI.className "")) "gateway.networking.k8s.io/v1" "gatewayAPI.enabled true")
      "Certificate" (list (and .Values.operator.enabled (eq .Values.sync.tls.mode "CertManager")) "cert-manager.io/v1" "sync.tls.mode CertManager") }}
{{- if and (first $wanted) (not (include "tidegate.has" (list $ (index $wanted 1) $kind))) }}
{{- $wrong = append $wrong (printf "%s needs the kind %s, which this cluster does not know: install what brings it, disable it, or add %s to apiVersionsOverride" (last $wanted) $kind (index $wanted 1)) }}
{{- end }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n\n  - %s\n" (join "\n  - " $wrong)) }}
{{- end }}
{{- end }}
