{{/* What the values open up, a line each, by the name of the key that does it. Values of secrets are never shown. */}}
{{- define "bridge.doubts" -}}
{{- $config := include "bridge.config" . | fromYaml }}
{{- if include "bridge.isEphemeral" . }}
- persistence.ephemeral: the database is lost with its pod, and with it events that were acknowledged. The promise that
  an acknowledged event is safe does not hold.
{{- end }}
{{- if .Values.secrets }}
- secrets: {{ keys .Values.secrets | sortAlpha | join ", " }} {{ ternary "stands" "stand" (eq (len .Values.secrets) 1) }} in the values, so whoever may read the release reads {{ ternary "it" "them" (eq (len .Values.secrets) 1) }}. Take existingSecret.
{{- end }}
{{- include "bridge.doubtsOfReach" . }}
{{- include "bridge.doubtsOfSecurity" . }}
{{- include "bridge.doubtsOfConfig" . }}
{{- if and (eq .Values.image.tag "latest") (not .Values.image.digest) }}
- image.tag: latest may be another program at each start. Name a release, or image.digest.
{{- end }}
{{- end -}}

{{/* What bridge warns of, too, when it starts: with the same paths. */}}
{{- define "bridge.doubtsOfConfig" -}}
{{- $config := include "bridge.config" . | fromYaml }}
{{- if and $config.database.ephemeral (not (or (include "bridge.isEphemeral" .) (include "bridge.isPostgresql" .))) }}
- config.database.ephemeral: is true, so bridge starts even where its database is lost with the pod.
{{- end }}
{{- if eq (toString ($config.retry | default dict).ambiguous) "retry" }}
- config.retry.ambiguous: is retry, so a post may be published twice when a network's answer was lost.
{{- end }}
{{- range $name, $given := $config.sources | default dict }}
{{- $source := $given | default dict }}
{{- $kind := $source.kind | default $name }}
{{- if eq (toString $source.auth) "none" }}
- config.sources.{{ $name }}.auth: is none, so whoever knows the address may publish.
{{- else if hasPrefix "query:" (toString $source.auth) }}
- config.sources.{{ $name }}.auth: the secret stands in the address, so access logs may show it.
{{- else if not (or $source.secret (eq $kind "feed") (eq (toString $source.mode) "socket")) }}
- config.sources.{{ $name }}.secret: there is none.
{{- end }}
{{- if eq $kind "slack" }}
{{- if not (or $source.users $source.channels) }}
- config.sources.{{ $name }}.users: is empty, and so is channels, so whoever is in the workspace may publish.
{{- end }}
{{- if hasPrefix "http://" (toString $source.api_url) }}
- config.sources.{{ $name }}.api_url: is plain http, so tokens travel in the clear.
{{- else if not (regexMatch "^https://slack\\.com(:443)?(/|$)" ($source.api_url | default "https://slack.com/" | toString)) }}
- config.sources.{{ $name }}.api_url: is not slack.com, and what is there gets the tokens.
{{- end }}
{{- end }}
{{- end }}
{{- with $config.network }}
{{- with .allow }}
- config.network.allow: outbound requests may reach the private networks {{ join ", " . }}.
{{- end }}
{{- if .allow_http }}
- config.network.allow_http: outbound requests may be plain http.
{{- end }}
{{- if and (hasKey . "ports") (empty .ports) }}
- config.network.ports: is empty, so outbound requests may go to any port.
{{- end }}
{{- end }}
{{- range $name, $given := $config.endpoints | default dict }}
{{- $endpoint := $given | default dict }}
{{- if hasPrefix "http://" (toString $endpoint.url) }}
- config.endpoints.{{ $name }}.url: is plain http, so events travel in the clear.
{{- else if $endpoint.allow_http }}
- config.endpoints.{{ $name }}.allow_http: what goes there may go in the clear.
{{- end }}
{{- end }}
{{- range $name, $partner := $config.partners | default dict }}
{{- if hasPrefix "http://" (toString ($partner | default dict).base_url) }}
- config.partners.{{ $name }}.base_url: is plain http, so the key travels in the clear.
{{- end }}
{{- end }}
{{- end -}}

{{- define "bridge.doubtsOfReach" -}}
{{- $server := include "bridge.server" . | fromYaml }}
{{- if hasPrefix "http://" (toString $server.public_url) }}
- {{ ternary "ingress.tls: there is none" "config.server.public_url: is plain http" (eq $server.public_url (include "bridge.publicUrl" .)) }}, so tokens and what is published travel in the clear to {{ $server.public_url }}.
{{- end }}
{{- if include "bridge.isStandalone" . }}
{{- if and .Values.ingress.enabled (not (or $server.public_url .Values.ingress.tls)) }}
- ingress.tls: there is none, so tokens and what is published travel in the clear.
{{- end }}
{{- if and (not $server.public_url) (ne .Values.service.type "ClusterIP") }}
- service.type: {{ .Values.service.type }} shows bridge outside of the cluster in plain http. Put TLS before it, and set config.server.public_url.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}
- networkPolicy.enabled: is false, so every pod of the cluster reaches events, API, probes and metrics, and bridge reaches every pod.
{{- else if not .Values.networkPolicy.ingress.from }}
- networkPolicy.ingress.from: is empty, so every pod of the cluster reaches events and API.
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress.enabled) }}
- networkPolicy.egress.enabled: is false, so bridge reaches every pod of the cluster.
{{- end }}
{{- end }}
{{- end -}}

{{/* What is configured, and does nothing. */}}
{{- define "bridge.useless" -}}
{{- $config := include "bridge.config" . | fromYaml }}
{{- if not $config.partners }}
- config.partners: there is none, so nothing can be published.
{{- end }}
{{- if not $config.tokens }}
- config.tokens: there is none, so /v1 refuses everything.
{{- end }}
{{- if and .Values.ingress.enabled (not $config.server.public_url) }}
- ingress.hosts: the first is a wildcard, so no public address is known. Set config.server.public_url.
{{- end }}
{{- range $name := list "serviceMonitor" "podMonitor" "prometheusRule" }}
{{- $monitor := get $.Values $name | default dict }}
{{- if and $monitor.enabled (empty $monitor.labels) }}
- {{ $name }}.labels: is empty, but kube-prometheus-stack takes only objects with the label `release` of its own release,
  unless it is told otherwise. See which one it asks for:
  kubectl get prometheus --all-namespaces --output yaml | grep --after-context 3 MonitorSelector
{{- end }}
{{- end }}
{{- end -}}
