{{/* The one container in which bridge runs: that of the Deployment, and of a sidecar. */}}
{{- define "bridge.container" -}}
name: bridge
image: {{ include "bridge.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve]
workingDir: /var/lib/bridge
env:
  - {name: BRIDGE_CONFIG, value: /etc/bridge/config/bridge.yaml}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: {{ include "bridge.httpPort" . }}}
  - {name: admin, containerPort: {{ include "bridge.adminPort" . }}}
{{- $probes := .Values.probes }}
{{- range $name, $path := dict "startup" "/readyz" "liveness" "/livez" "readiness" "/readyz" }}
{{- with get $probes $name }}
{{ $name }}Probe:
  {{- if not (or .httpGet .exec .tcpSocket) }}
  httpGet: {path: {{ $path }}, port: admin}
  {{- end }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{/* Before 1.30 Kubernetes takes `sleep` away, and refuses the hook that is left with nothing in it. */}}
{{- if and .Values.preStopSleepSeconds (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
lifecycle:
  preStop: {sleep: {seconds: {{ .Values.preStopSleepSeconds }}}}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "bridge.mounts" . | nindent 2 }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Whole folders, never single files of them (subPath): only a folder follows a changed ConfigMap or Secret. */}}
{{- define "bridge.mounts" -}}
- {name: config, mountPath: /etc/bridge/config, readOnly: true}
{{- if include "bridge.secretSources" . }}
- {name: secrets, mountPath: /etc/bridge/secrets, readOnly: true}
{{- end }}
- {name: data, mountPath: /var/lib/bridge}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "bridge.secretSources" -}}
{{ with .Values.existingSecret }}
- secret: {name: {{ . | quote }}}
{{- end }}
{{- if .Values.secrets }}
- secret: {name: {{ include "bridge.secretName" . }}}
{{- end }}
{{- with .Values.postgresql }}
{{- if .existingSecret }}
- secret: {name: {{ .existingSecret | quote }}, items: [{key: {{ .key | quote }}, path: database-url}]}
{{- end }}
{{- end }}
{{- if and (include "bridge.hasTests" .) (not .Values.tests.secretKey) }}
- secret: {name: {{ include "bridge.testName" . }}}
{{- end }}
{{- end -}}

{{- define "bridge.volumes" -}}
- name: config
  configMap: {name: {{ include "bridge.configName" . }}}
{{- with include "bridge.secretSources" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- trim . | nindent 6 }}
{{- end }}
- name: data
  {{- if include "bridge.isPostgresql" . }}
  emptyDir: {sizeLimit: 16Mi}
  {{- else if .Values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ include "bridge.claimName" . | quote }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .Values.persistence.ephemeralSize }}}
  {{- end }}
- name: tmp
  emptyDir: {sizeLimit: {{ .Values.tmp.sizeLimit }}}
{{- end -}}

{{/* What the pods of the Deployment, of copies and of tests have in common. */}}
{{- define "bridge.podBasics" -}}
serviceAccountName: {{ include "bridge.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "bridge.spread" -}}
{{- range .Values.topologySpreadConstraints }}
{{- $given := deepCopy . }}
{{- if not .labelSelector }}
{{- $_ := set $given "labelSelector" (dict "matchLabels" (include "bridge.selectorLabels" $ | fromYaml)) }}
{{- $_ := set $given "matchLabelKeys" (.matchLabelKeys | default (list "pod-template-hash")) }}
{{- end }}
- {{ toYaml $given | nindent 2 | trim }}
{{- end }}
{{- end -}}
