{{/* (list $ values component port): one endpoint and the metadata of a monitor. */}}
{{- define "tidegate.monitorMetadata" -}}
{{- $root := index . 0 }}
{{- $given := index . 1 }}
name: {{ include "tidegate.componentName" (list $root (index . 2)) }}
namespace: {{ default (include "tidegate.namespace" $root) $given.namespace }}
labels:
  {{- include "tidegate.labels" (list $root (index . 2)) | nindent 2 }}
  {{- with $given.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "tidegate.monitorEndpoint" -}}
{{- $given := index . 1 }}
- port: {{ index . 3 }}
  path: /metrics
  {{- with $given.interval }}
  interval: {{ . }}
  {{- end }}
  {{- with $given.scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- if $given.honorLabels }}
  honorLabels: true
  {{- end }}
  {{- with $given.relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $given.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* component → named port, of those that are there. */}}
{{- define "tidegate.scraped" -}}
gateway: admin
{{- if .Values.cache.enabled }}
cache: http
{{- end }}
{{- if .Values.operator.enabled }}
operator: admin
{{- end }}
{{- end }}
