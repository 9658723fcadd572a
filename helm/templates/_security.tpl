{{/*
What is less than Pod Security "restricted" asks for: a container's own value counts before its pod's, but a pod's that is
wrong is refused all the same. Beside an application the pod is not this chart's.
*/}}
{{- define "bridge.doubtsOfSecurity" -}}
{{- $own := .Values.securityContext | default dict }}
{{- $pod := ternary (.Values.podSecurityContext | default dict) dict (not (empty (include "bridge.isStandalone" .))) }}
{{- range $place, $given := dict "podSecurityContext" $pod "securityContext" $own }}
{{- if and (hasKey $given "runAsNonRoot") (not $given.runAsNonRoot) }}
- {{ $place }}.runAsNonRoot: is false, so a container may be root.
{{- end }}
{{- if eq (toString $given.runAsUser) "0" }}
- {{ $place }}.runAsUser: is 0, so a container may be root.
{{- end }}
{{- range $key := list "seccompProfile" "appArmorProfile" }}
{{- with get $given $key }}
{{- if not (has .type (list "RuntimeDefault" "Localhost")) }}
- {{ $place }}.{{ $key }}: is {{ .type | default "without a type" }}, so a container may do more than the runtime's profile lets it.
{{- end }}
{{- end }}
{{- end }}
{{- range $key := list "procMount" "seLinuxOptions" "sysctls" "windowsOptions" }}
{{- if get $given $key }}
- {{ $place }}.{{ $key }}: is given, and Pod Security "restricted" refuses most of its values.
{{- end }}
{{- end }}
{{- end }}
{{- range $key, $told := dict "runAsNonRoot" "a container may be root" "seccompProfile" "a container may do more than the runtime's profile lets it" }}
{{- if not (or (hasKey $own $key) (hasKey $pod $key)) }}
- securityContext.{{ $key }}: is missing, so {{ $told }}.
{{- end }}
{{- end }}
{{- if $own.privileged }}
- securityContext.privileged: is true, so a container is as good as root on its node.
{{- else if ne (toString $own.allowPrivilegeEscalation) "false" }}
- securityContext.allowPrivilegeEscalation: is not false, so a container may gain privileges.
{{- end }}
{{- $capabilities := $own.capabilities | default dict }}
{{- if or (not (has "ALL" ($capabilities.drop | default list))) (without ($capabilities.add | default list) "NET_BIND_SERVICE") }}
- securityContext.capabilities: are not all dropped, or some are added.
{{- end }}
{{- if not $own.readOnlyRootFilesystem }}
- securityContext.readOnlyRootFilesystem: is not true, so what breaks in may change the program.
{{- end }}
{{- end -}}
