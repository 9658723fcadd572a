{{/* The chart's name, as it stands in labels. */}}
{{- define "bridge.name" -}}
{{- .Values.nameOverride | default "bridge" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the Deployment and the Service, and what all other names begin with. */}}
{{- define "bridge.fullname" -}}
{{- $name := include "bridge.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* A name with a suffix, of which the suffix is never cut: dict "root" . "suffix" "admin"; "most" is 63 if left out. */}}
{{- define "bridge.named" -}}
{{- $room := sub (sub (.most | default 63) (len .suffix)) 1 | int -}}
{{- printf "%s-%s" (include "bridge.fullname" .root | trunc $room | trimSuffix "-") .suffix -}}
{{- end -}}

{{- define "bridge.configName" -}}
{{- include "bridge.named" (dict "root" . "suffix" "config") -}}
{{- end -}}

{{- define "bridge.secretName" -}}
{{- include "bridge.named" (dict "root" . "suffix" "secrets") -}}
{{- end -}}

{{- define "bridge.testName" -}}
{{- include "bridge.named" (dict "root" . "suffix" "test") -}}
{{- end -}}

{{- define "bridge.adminName" -}}
{{- include "bridge.named" (dict "root" . "suffix" "admin") -}}
{{- end -}}

{{- define "bridge.claimName" -}}
{{- .Values.persistence.existingClaim | default (include "bridge.named" (dict "root" . "suffix" "data")) -}}
{{- end -}}

{{- define "bridge.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "bridge.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Labels that never change, for selectors: with a component, so that the pods of copies and tests are not meant. */}}
{{- define "bridge.selectorLabels" -}}
{{- include "bridge.componentLabels" (dict "root" . "component" "server") -}}
{{- end -}}

{{- define "bridge.componentLabels" -}}
app.kubernetes.io/name: {{ include "bridge.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/*
Labels of pods, with those of "more". Not the chart's version: another one of the same bridge need not start them again.
Here and below, a label that the chart sets itself stays: selectors depend on it.
*/}}
{{- define "bridge.podLabels" -}}
{{- $own := include "bridge.componentLabels" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "bridge" -}}
{{- toYaml (mergeOverwrite (dict) (.root.Values.commonLabels | default dict) (.more | default dict) $own) -}}
{{- end -}}

{{/* Labels of every object but for its component, which stands beside them. */}}
{{- define "bridge.labels" -}}
{{- $own := dict "app.kubernetes.io/name" (include "bridge.name" .) "app.kubernetes.io/instance" .Release.Name -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "bridge" -}}
{{- toYaml (mergeOverwrite (dict) (omit (.Values.commonLabels | default dict) "app.kubernetes.io/component") $own) -}}
{{- end -}}

{{- define "bridge.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Not empty where bridge is a Deployment of this chart. */}}
{{- define "bridge.isStandalone" -}}
{{- if eq .Values.mode "standalone" -}}true{{- end -}}
{{- end -}}

{{/* A duration as the configuration has it (1m30s) in whole seconds, rounded up. */}}
{{- define "bridge.seconds" -}}
{{- $units := dict "w" 604800.0 "d" 86400.0 "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|[wdhms])" (toString . | replace " " "") -1 -}}
{{- $number := regexFind "[0-9.]+" . -}}
{{- $sum = addf $sum (mulf (float64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- ceil $sum -}}
{{- end -}}
