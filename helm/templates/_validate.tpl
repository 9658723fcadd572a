{{/* Refuses values that contradict each other, each with a sentence that names them. */}}
{{- define "bridge.validate" -}}
{{- include "bridge.validateSecrets" . -}}
{{- include "bridge.validateAddress" . -}}
{{- include "bridge.validatePorts" . -}}
{{- if include "bridge.isStandalone" . -}}
{{- include "bridge.validateDatabase" . -}}
{{- include "bridge.validateListeners" . -}}
{{- include "bridge.validateBackup" . -}}
{{- include "bridge.validateTests" . -}}
{{- else -}}
{{- include "bridge.validateBeside" . -}}
{{- range $section := list "ingress" "networkPolicy" "backup" -}}
{{- if (get $.Values $section).enabled -}}
{{- fail (printf "mode is sidecar, and %s.enabled is true: a bridge in another pod has no %s of this chart. Set %s.enabled: false" $section $section $section) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "bridge.validateVariables" . -}}
{{- end -}}

{{- define "bridge.validateAddress" -}}
{{- if and .Values.postgresql.existingSecret (get (.Values.config.database | default dict) "url") -}}
{{- fail (printf "postgresql.existingSecret is %s, and config.database.url is given, too: keep one of them" .Values.postgresql.existingSecret) -}}
{{- end -}}
{{- end -}}

{{- define "bridge.validateDatabase" -}}
{{- $replicas := int .Values.replicaCount -}}
{{- $url := get (.Values.config.database | default dict) "url" -}}
{{- if not (include "bridge.isPostgresql" .) -}}
{{- if gt $replicas 1 -}}
{{- fail (printf "replicaCount is %d, and postgresql.existingSecret is empty, so the database is SQLite: its file is one process's. Set replicaCount: 1, or give a PostgreSQL database" $replicas) -}}
{{- end -}}
{{- if and (not .Values.persistence.enabled) (not .Values.persistence.ephemeral) -}}
{{- fail "persistence.enabled is false, and postgresql.existingSecret is empty: what was acknowledged would be lost with the pod. Set one of them; or, to accept that loss, persistence.ephemeral: true" -}}
{{- end -}}
{{- if and .Values.persistence.enabled .Values.persistence.ephemeral -}}
{{- fail "persistence.enabled is true, and persistence.ephemeral is true, too: set one of them to false" -}}
{{- end -}}
{{- if and $url (not (regexMatch "^sqlite:///([^/]|/var/lib/bridge/)" (toString $url))) -}}
{{- fail (printf "config.database.url is %s, but the volume is at /var/lib/bridge: leave config.database.url out, or write sqlite:////var/lib/bridge/NAME" $url) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bridge.validateListeners" -}}
{{- $server := include "bridge.server" . | fromYaml -}}
{{- range $path, $host := dict "config.server.host" $server.host "config.server.admin.host" ($server.admin.host | default "0.0.0.0") -}}
{{- if include "bridge.isLoopback" $host -}}
{{- fail (printf "%s is %s, but the Service and the probes reach the pod from outside: leave it out" $path $host) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.enabled (empty .Values.ingress.hosts) -}}
{{- fail "ingress.enabled is true, but ingress.hosts is empty: name the host that senders use" -}}
{{- end -}}
{{- $drain := include "bridge.seconds" ($server.drain | default "10s") | int -}}
{{- $needed := add $drain (int .Values.preStopSleepSeconds) | int -}}
{{- if le (int .Values.terminationGracePeriodSeconds) $needed -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, but preStopSleepSeconds and config.server.drain are %d together: set terminationGracePeriodSeconds above that" (int .Values.terminationGracePeriodSeconds) $needed) -}}
{{- end -}}
{{- end -}}

{{- define "bridge.validatePorts" -}}
{{- $server := include "bridge.server" . | fromYaml -}}
{{- if eq (int $server.port) (int $server.admin.port) -}}
{{- fail (printf "config.server.port is %d, and so is config.server.admin.port: probes and metrics have a port of their own" (int $server.port)) -}}
{{- end -}}
{{- end -}}

{{/* Beside an application, in its pod: events come from there alone, probes and Prometheus from outside. */}}
{{- define "bridge.validateBeside" -}}
{{- $server := include "bridge.server" . | fromYaml -}}
{{- if not (include "bridge.isLoopback" $server.host) -}}
{{- fail (printf "mode is sidecar, and config.server.host is %s: events come from the pod alone. Leave it out" $server.host) -}}
{{- end -}}
{{- if include "bridge.isLoopback" $server.admin.host -}}
{{- fail (printf "mode is sidecar, and config.server.admin.host is %s, but probes and Prometheus reach the pod from outside: leave it out" $server.admin.host) -}}
{{- end -}}
{{- end -}}

{{/* Not empty for a host that only the pod itself reaches. */}}
{{- define "bridge.isLoopback" -}}
{{- if or (hasPrefix "127." .) (has . (list "localhost" "::1")) -}}true{{- end -}}
{{- end -}}

{{- define "bridge.validateBackup" -}}
{{- if .Values.backup.enabled -}}
{{- if include "bridge.isPostgresql" . -}}
{{- fail "backup.enabled is true, but the database is PostgreSQL: take its own means (pg_dump, base backups), and set backup.enabled: false" -}}
{{- end -}}
{{- if not .Values.persistence.enabled -}}
{{- fail "backup.enabled is true, but persistence.enabled is false: no other pod can read an emptyDir" -}}
{{- end -}}
{{- if has "ReadWriteOncePod" .Values.persistence.accessModes -}}
{{- fail "backup.enabled is true, but persistence.accessModes has ReadWriteOncePod: the pod that copies needs the volume, too. Take ReadWriteOnce" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bridge.validateTests" -}}
{{- if .Values.tests.enabled -}}
{{- if hasKey (.Values.config.sources | default dict) "helm-test" -}}
{{- fail "config.sources has helm-test, which is the source that tests.enabled makes: give yours another name, or set tests.enabled: false" -}}
{{- end -}}
{{- $key := .Values.tests.secretKey -}}
{{- if and $key (not .Values.existingSecret) (not (hasKey .Values.secrets $key)) -}}
{{- fail (printf "tests.secretKey is %s, but existingSecret is empty, and secrets has no such key" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Variables that would have bridge listen, or keep its data, elsewhere than the rest of the chart says. */}}
{{- define "bridge.validateVariables" -}}
{{- range .Values.extraEnv -}}
{{- if regexMatch "^BRIDGE_(CONFIG$|DATABASE__URL|SERVER__(HOST|PORT|ADMIN))" .name -}}
{{- fail (printf "extraEnv sets %s, but the chart renders that into the configuration: say it under config" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
