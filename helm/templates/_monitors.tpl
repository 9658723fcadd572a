{{/* What both monitors have in common. */}}

{{/* Refuses monitors that would count everything twice or nothing at all. */}}
{{- define "bridge.validateMonitors" -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor.enabled is true, and so is podMonitor.enabled: every pod would be scraped twice, and every sum be double. Set one of them to false" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not (include "bridge.isStandalone" .)) -}}
{{- fail "mode is sidecar, and serviceMonitor.enabled is true: a bridge in another pod has no Service of this chart. Set podMonitor.enabled: true instead" -}}
{{- end -}}
{{- range $section := list "serviceMonitor" "podMonitor" -}}
{{- $monitor := get $.Values $section -}}
{{- if gt (include "bridge.seconds" $monitor.interval | int) 60 -}}
{{- fail (printf "%s.interval is %s: the rules look at the last few minutes, and need a sample each minute. Set it to 1m or less" $section $monitor.interval) -}}
{{- end -}}
{{- if gt (include "bridge.seconds" $monitor.scrapeTimeout | int) (include "bridge.seconds" $monitor.interval | int) -}}
{{- fail (printf "%s.scrapeTimeout is %s, longer than %s.interval, which is %s: Prometheus refuses that" $section $monitor.scrapeTimeout $section $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* metadata of an object that may be in another namespace: dict "root" . "values" .Values.NAME "name" NAME */}}
{{- define "bridge.monitorMetadata" -}}
name: {{ .name }}
namespace: {{ .values.namespace | default .root.Release.Namespace }}
labels:
  {{- mergeOverwrite (include "bridge.labels" .root | fromYaml) .values.labels | toYaml | nindent 2 }}
{{- with .values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How a pod is scraped: dict "root" . "values" .Values.NAME */}}
{{- define "bridge.scrape" -}}
port: admin
path: /metrics
interval: {{ .values.interval }}
scrapeTimeout: {{ .values.scrapeTimeout }}
relabelings:
  # Whatever pod it is in, the rules and the dashboard find it by this.
  - {action: replace, targetLabel: job, replacement: {{ .root.Values.monitoring.job | quote }}}
  # The name of the port would take the place of the label `endpoint` of the metrics themselves.
  - {action: labeldrop, regex: endpoint}
  {{- with .values.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
