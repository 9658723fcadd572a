{{/*
bridge beside an application, for a chart that has this one as a dependency, with `mode: sidecar`:

    metadata:
      labels:
        {{- include "bridge.sidecarLabels" .Subcharts.bridge | nindent 8 }}
    spec:
      securityContext: {fsGroup: 10001}
      initContainers:
        - {{ include "bridge.sidecar" .Subcharts.bridge | nindent 10 | trim }}
      volumes:
        {{- include "bridge.sidecarVolumes" .Subcharts.bridge | nindent 8 }}

The volumes have names that begin with `bridge-`, so that they meet none of the application's.
*/}}
{{- define "bridge.sidecar" -}}
{{- include "bridge.validateSidecar" . -}}
{{- $one := include "bridge.container" . | fromYaml -}}
{{- $ports := list -}}
{{- range $one.ports -}}
{{- if ne .name "http" -}}{{- $ports = append $ports . -}}{{- end -}}
{{- end -}}
{{- $mounts := list -}}
{{- range $one.volumeMounts -}}
{{- $mounts = append $mounts (merge (dict "name" (include "bridge.sidecarVolume" .name)) .) -}}
{{- end -}}
{{/* Its readiness would be that of the whole pod: an application need not stop because a partner's queue is full. */}}
{{- $one = omit $one "readinessProbe" "lifecycle" -}}
{{- toYaml (merge (dict "restartPolicy" "Always" "ports" $ports "volumeMounts" $mounts) $one) -}}
{{- end -}}

{{/* What the PodMonitor selects. */}}
{{- define "bridge.sidecarLabels" -}}
bridge-sidecar: "true"
{{- end -}}

{{- define "bridge.sidecarVolumes" -}}
{{- include "bridge.validateSidecar" . -}}
{{- $volumes := list -}}
{{- range include "bridge.volumes" . | fromYamlArray -}}
{{- $one := merge (dict "name" (include "bridge.sidecarVolume" .name)) . -}}
{{- if .projected -}}
{{/* The pod is the application's: it may have no group that files could be given to. */}}
{{- $_ := set $one.projected "defaultMode" 0444 -}}
{{- end -}}
{{- if and (eq .name "data") (include "bridge.isEphemeral" $) -}}
{{- $one = dict "name" $one.name "emptyDir" (dict "sizeLimit" $.Values.persistence.ephemeralSize) -}}
{{- end -}}
{{- $volumes = append $volumes $one -}}
{{- end -}}
{{- toYaml (concat $volumes (.Values.extraVolumes | default list)) -}}
{{- end -}}

{{- define "bridge.sidecarVolume" -}}
{{- ternary (printf "bridge-%s" .) . (has . (list "config" "secrets" "data" "tmp")) -}}
{{- end -}}

{{- define "bridge.validateSidecar" -}}
{{- if include "bridge.isStandalone" . -}}
{{- fail "mode is standalone, so this chart makes a Deployment of its own, and the sidecar would be another bridge: set mode: sidecar" -}}
{{- end -}}
{{- with .Values.persistence -}}
{{- if not (or .existingClaim .ephemeral (include "bridge.isPostgresql" $)) -}}
{{- fail "persistence.existingClaim and postgresql.existingSecret are both empty: with mode: sidecar the volume is the pod's. Name its claim, or give a PostgreSQL database; or, to lose with the pod what was acknowledged, persistence.ephemeral: true" -}}
{{- end -}}
{{- if and .existingClaim .ephemeral -}}
{{- fail (printf "persistence.existingClaim is %s, and persistence.ephemeral is true: keep one of them" .existingClaim) -}}
{{- end -}}
{{- end -}}
{{- end -}}
