{{/* How many workers, where there are several; nothing for one. */}}
{{- define "tidegate.workers" -}}
{{- $workers := int .Values.gateway.workers }}
{{- if eq (toString .Values.gateway.workers) "auto" }}
{{- $cpu := toString (dig "requests" "cpu" "" .Values.gateway.resources) }}
{{- $workers = ternary (div (int (trimSuffix "m" $cpu)) 1000) (int (floor (float64 (trimSuffix "m" $cpu)))) (hasSuffix "m" $cpu) }}
{{- end }}
{{- if gt (int $workers) 1 }}{{ min 64 $workers }}{{ end }}
{{- end }}

{{- define "tidegate.gatewayEnv" -}}
{{- with .Values.gateway -}}
- name: PORT
  value: "8080"
- name: ADMIN_HOST
  value: {{ .adminHost | quote }}
- name: ADMIN_PORT
  value: {{ .adminPort | quote }}
- name: EXPOSE
  value: {{ .expose | quote }}
{{- with .monitorHosts }}
- name: MONITOR_HOSTS
  value: {{ join "," . | quote }}
{{- end }}
- name: AUTH
  value: {{ .auth }}
- name: RATE_LIMIT
  value: {{ .rateLimit | quote }}
- name: CONFIG_FILE
  value: /etc/tidegate/config/tidegate.yaml
{{- if $.Values.cache.enabled }}
- name: CACHE_SERVICE_URL
  value: http://{{ include "tidegate.componentName" (list $ "cache") }}:{{ $.Values.cache.service.port }}
{{- if $.Values.cache.token.existingSecret }}
- name: CACHE_TOKEN_FILE
  value: /etc/tidegate/cache-token/cache-token
{{- end }}
{{- end }}
{{- if include "tidegate.apiKeySecret" $ }}
- name: API_KEY_FILE
  value: /etc/tidegate/api-key/api-key
{{- end }}
{{- if .adminToken.existingSecret }}
- name: ADMIN_TOKEN_FILE
  value: /etc/tidegate/admin-token/admin-token
{{- end }}
{{- if and .keys.existingSecret .keys.pepperKey }}
- name: KEY_PEPPER_FILE
  value: /etc/tidegate/keys/{{ .keys.pepperKey }}
{{- end }}
{{- if .tls.secretName }}
- name: TLS_CERT_FILE
  value: /etc/tidegate/tls/tls.crt
- name: TLS_KEY_FILE
  value: /etc/tidegate/tls/tls.key
{{- if .tls.clientCASecretName }}
- name: TLS_CLIENT_CA_FILE
  value: /etc/tidegate/client-ca/ca.crt
{{- end }}
{{- end }}
{{- with .trustedProxies }}
- name: TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- with include "tidegate.workers" $ }}
- name: WORKERS
  value: {{ . | quote }}
{{- end }}
- name: ACCESS_LOG
  value: {{ .accessLog | quote }}
- name: LOG_LEVEL
  value: {{ .logLevel }}
- name: DRAIN_DELAY
  value: {{ .drainDelaySeconds }}s
- name: DRAIN_TIMEOUT
  value: {{ .drainTimeoutSeconds }}s
{{- include "tidegate.redisEnv" $ }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: GATEWAY_NAME
  value: {{ $.Release.Name | quote }}
{{- if $.Values.operator.enabled }}
- name: CONTROL_PLANE_URL
  value: https://{{ include "tidegate.componentName" (list $ "operator") }}:8082
- name: CONTROL_PLANE_TOKEN_FILE
  value: /var/run/tidegate/token
- name: CONTROL_PLANE_CA_FILE
  value: {{ ternary "/etc/tidegate/sync-ca/ca.crt" "/etc/tidegate/snapshot/ca.crt" (ne $.Values.sync.tls.mode "Auto") }}
- name: SNAPSHOT_FILE
  value: /etc/tidegate/snapshot/snapshot.json.gz
- name: ENDPOINTS_FILE
  value: /tmp/endpoints.json.gz
- name: BOOTSTRAP_REQUIRE_SNAPSHOT
  value: {{ .bootstrap.requireSnapshot | quote }}
- name: BOOTSTRAP_GRACE
  value: {{ .bootstrap.graceSeconds }}s
{{- end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tidegate.gatewayMounts" -}}
{{- with .Values.gateway -}}
- name: tmp
  mountPath: /tmp
- name: config
  mountPath: /etc/tidegate/config
  readOnly: true
{{- if include "tidegate.apiKeySecret" $ }}
- name: api-key
  mountPath: /etc/tidegate/api-key
  readOnly: true
{{- end }}
{{- if .adminToken.existingSecret }}
- name: admin-token
  mountPath: /etc/tidegate/admin-token
  readOnly: true
{{- end }}
{{- include "tidegate.redisMount" $ }}
{{- if .keys.existingSecret }}
- name: keys
  mountPath: /etc/tidegate/keys
  readOnly: true
{{- end }}
{{- if and $.Values.cache.enabled $.Values.cache.token.existingSecret }}
- name: cache-token
  mountPath: /etc/tidegate/cache-token
  readOnly: true
{{- end }}
{{- if .tls.secretName }}
- name: tls
  mountPath: /etc/tidegate/tls
  readOnly: true
{{- if .tls.clientCASecretName }}
- name: client-ca
  mountPath: /etc/tidegate/client-ca
  readOnly: true
{{- end }}
{{- end }}
{{- if $.Values.operator.enabled }}
- name: snapshot
  mountPath: /etc/tidegate/snapshot
  readOnly: true
- name: token
  mountPath: /var/run/tidegate
  readOnly: true
{{- if ne $.Values.sync.tls.mode "Auto" }}
- name: sync-ca
  mountPath: /etc/tidegate/sync-ca
  readOnly: true
{{- end }}
{{- end }}
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tidegate.gatewayVolumes" -}}
{{- with .Values.gateway -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
- name: config
  configMap:
    name: {{ include "tidegate.componentName" (list $ "gateway") }}
{{- with include "tidegate.apiKeySecret" $ }}
- name: api-key
  secret:
    secretName: {{ . }}
    items:
      - key: api-key
        path: api-key
{{- end }}
{{- with .adminToken.existingSecret }}
- name: admin-token
  secret:
    secretName: {{ . }}
    items:
      - key: admin-token
        path: admin-token
{{- end }}
{{- include "tidegate.redisVolume" $ }}
{{- with .keys.existingSecret }}
- name: keys
  secret:
    secretName: {{ . }}
{{- end }}
{{- if and $.Values.cache.enabled $.Values.cache.token.existingSecret }}
- name: cache-token
  secret:
    secretName: {{ $.Values.cache.token.existingSecret }}
    items:
      - key: cache-token
        path: cache-token
{{- end }}
{{- if .tls.secretName }}
- name: tls
  secret:
    secretName: {{ .tls.secretName }}
{{- with .tls.clientCASecretName }}
- name: client-ca
  secret:
    secretName: {{ . }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}
{{- if $.Values.operator.enabled }}
- name: snapshot
  projected:
    sources:
      - configMap:
          name: {{ include "tidegate.componentName" (list $ "snapshot") }}
          optional: true
      {{- range splitList "," (include "tidegate.snapshotParts" $) }}
      - configMap:
          name: {{ include "tidegate.componentName" (list $ (printf "snapshot-%s" .)) }}
          optional: true
          items:
            - key: part
              path: {{ . }}
      {{- end }}
- name: token
  projected:
    sources:
      - serviceAccountToken:
          audience: tidegate-operator
          expirationSeconds: 600
          path: token
{{- with include "tidegate.syncSecret" $ }}
- name: sync-ca
  secret:
    secretName: {{ . }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
