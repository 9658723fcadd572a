{{/* Everything that the chart knows and the configuration leaves out is filled in here, and nowhere else. */}}

{{/* Not empty for PostgreSQL. An address that is a reference has a password, so it is not that of a file. */}}
{{- define "bridge.isPostgresql" -}}
{{- $url := get (.Values.config.database | default dict) "url" | default "" -}}
{{- if or .Values.postgresql.existingSecret (kindIs "map" $url) (hasPrefix "postgres" (toString $url)) -}}true{{- end -}}
{{- end -}}

{{/* Not empty where the database is lost with the pod, as was asked for. */}}
{{- define "bridge.isEphemeral" -}}
{{- $volume := and .Values.persistence.enabled (include "bridge.isStandalone" .) -}}
{{- if and .Values.persistence.ephemeral (not $volume) (not (include "bridge.isPostgresql" .)) -}}true{{- end -}}
{{- end -}}

{{- define "bridge.httpPort" -}}
{{- (.Values.config.server | default dict).port | default 8080 -}}
{{- end -}}

{{- define "bridge.adminPort" -}}
{{- ((.Values.config.server | default dict).admin | default dict).port | default 9090 -}}
{{- end -}}

{{/* The source that `helm test` sends to. Nothing that it takes is ever published: its condition never holds. */}}
{{- define "bridge.testSource" -}}
kind: standard_webhooks
secret: {file: /etc/bridge/secrets/{{ .Values.tests.secretKey | default "helm-test" }}}
types: [none]
when: ["false"]
{{- end -}}

{{- define "bridge.hasTests" -}}
{{- if and .Values.tests.enabled (include "bridge.isStandalone" .) -}}true{{- end -}}
{{- end -}}

{{/* Made of the first host; empty where that is a wildcard, which nobody can send to. */}}
{{- define "bridge.publicUrl" -}}
{{- if and .Values.ingress.enabled .Values.ingress.hosts (include "bridge.isStandalone" .) -}}
{{- if not (hasPrefix "*" (first .Values.ingress.hosts)) -}}
{{- ternary "https" "http" (not (empty .Values.ingress.tls)) }}://{{ first .Values.ingress.hosts -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* `server` and `database` with what was left out. */}}
{{- define "bridge.server" -}}
{{- $alone := include "bridge.isStandalone" . -}}
{{- $given := deepCopy (.Values.config.server | default dict) -}}
{{- $admin := $given.admin | default dict -}}
{{- $port := include "bridge.adminPort" . | int -}}
{{- $admin = merge $admin (ternary (dict "port" $port) (dict "port" $port "host" "0.0.0.0") (not (empty $alone))) -}}
{{- $filled := dict "host" (ternary "0.0.0.0" "127.0.0.1" (not (empty $alone))) "port" (include "bridge.httpPort" . | int) -}}
{{- with include "bridge.publicUrl" . -}}
{{- $_ := set $filled "public_url" . -}}
{{- end -}}
{{- $server := merge (omit $given "admin") $filled -}}
{{- toYaml (set $server "admin" $admin) -}}
{{- end -}}

{{- define "bridge.database" -}}
{{- $url := "sqlite:////var/lib/bridge/bridge.db" -}}
{{- $filled := dict "url" $url -}}
{{- if .Values.postgresql.existingSecret -}}
{{- $filled = dict "url" (dict "file" "/etc/bridge/secrets/database-url") -}}
{{- end -}}
{{- if include "bridge.isEphemeral" . -}}
{{- $_ := set $filled "ephemeral" true -}}
{{- end -}}
{{- toYaml (merge (deepCopy (.Values.config.database | default dict)) $filled) -}}
{{- end -}}

{{/* bridge.yaml */}}
{{- define "bridge.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "server" (include "bridge.server" . | fromYaml) -}}
{{- $_ := set $config "database" (include "bridge.database" . | fromYaml) -}}
{{- if include "bridge.hasTests" . -}}
{{- $sources := $config.sources | default dict -}}
{{- $_ := set $config "sources" (set $sources "helm-test" (include "bridge.testSource" . | fromYaml)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What a running bridge cannot take anew: another value of it starts other pods. Everything else is reloaded. */}}
{{- define "bridge.restartChecksum" -}}
{{- $server := pick (include "bridge.server" . | fromYaml) "host" "port" "admin" -}}
{{- toJson (list $server (include "bridge.database" . | fromYaml) .Values.postgresql .Values.config.tracing) | sha256sum -}}
{{- end -}}
