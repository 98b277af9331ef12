{{/* (list $ "name"): a pod that runs scripts/<name>.py once. */}}
{{- define "tidegate.testPod" -}}
{{- $root := first . }}
{{- $name := last . }}
{{- with $root.Values.gateway -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "tidegate.componentName" (list $root (printf "test-%s" $name)) }}
  namespace: {{ include "tidegate.namespace" $root }}
  labels:
    {{- include "tidegate.labels" (list $root "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-weight: {{ get (dict "traffic" "1" "acks-full" "2" "limit-429" "3") $name | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 180
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "tidegate.podSecurityContext" $root | nindent 4 }}
  containers:
    - name: {{ $name }}
      image: {{ include "tidegate.image" (list $root .image $root.Chart.AppVersion) | quote }}
      imagePullPolicy: {{ .image.pullPolicy }}
      command: [python, -c]
      args:
        - |
          {{- $root.Files.Get (printf "scripts/%s.py" $name) | nindent 10 }}
      env:
        - name: GATEWAY_URL
          value: {{ ternary "https" "http" (ne .tls.secretName "") }}://{{ include "tidegate.componentName" (list $root "gateway") }}:{{ .service.port }}
        - name: AUTH
          value: {{ .auth }}
        - name: BUILT_IN_ROUTE
          value: {{ and $root.Values.cache.enabled (not (hasKey .config "routes")) | quote }}
        {{- if include "tidegate.apiKeySecret" $root }}
        - name: API_KEY_FILE
          value: /etc/tidegate/api-key/api-key
        {{- end }}
        {{- if $root.Values.operator.enabled }}
        - name: OPERATOR_URL
          value: http://{{ include "tidegate.componentName" (list $root "operator") }}:9080
        {{- end }}
      securityContext:
        {{- include "tidegate.securityContext" $root | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if include "tidegate.apiKeySecret" $root }}
        - name: api-key
          mountPath: /etc/tidegate/api-key
          readOnly: true
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 16Mi
    {{- with include "tidegate.apiKeySecret" $root }}
    - name: api-key
      secret:
        secretName: {{ . }}
        items:
          - key: api-key
            path: api-key
    {{- end }}
  {{- include "tidegate.scheduling" (list $root .) | nindent 2 }}
{{- end }}
{{- end }}
