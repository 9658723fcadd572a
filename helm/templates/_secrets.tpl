{{/*
Refuses secrets that stand in `config`: it becomes a ConfigMap, which more people may read than a Secret. bridge refuses them,
too, but only in the pod, when they are there already. What is refused is never shown.
*/}}
{{- define "bridge.validateSecrets" -}}
{{- $config := .Values.config -}}
{{- include "bridge.refuseSecrets" (dict "path" "config.server" "entry" $config.server "keys" (list "secret_key" "signing_key")) -}}
{{- range $index, $token := $config.tokens -}}
{{- include "bridge.refuseSecrets" (dict "path" (printf "config.tokens[%d]" $index) "entry" $token "keys" (list "token")) -}}
{{- end -}}
{{- $sections := dict "partners" (list "token") "endpoints" (list "secret") -}}
{{- $_ := set $sections "sources" (list "secret" "token" "bot_token" "app_token" "webhook") -}}
{{- range $section, $keys := $sections -}}
{{- range $name, $entry := get $config $section | default dict -}}
{{- include "bridge.refuseSecrets" (dict "path" (printf "config.%s.%s" $section $name) "entry" $entry "keys" $keys) -}}
{{- end -}}
{{- end -}}
{{- range $name, $endpoint := $config.endpoints -}}
{{- include "bridge.refuseHeaders" (dict "path" (printf "config.endpoints.%s" $name) "entry" $endpoint) -}}
{{- end -}}
{{- include "bridge.refuseHeaders" (dict "path" "config.tracing" "entry" $config.tracing) -}}
{{- $url := toString ($config.database | default dict).url -}}
{{- if regexMatch "^[a-z0-9+]+://[^@]*:[^@]*@|[?&](password|sslpassword|oauth_client_secret|scram_(client|server)_key)=" $url -}}
{{- fail "config.database.url has a password, and config becomes a ConfigMap: put the whole address into a Secret, and name that in postgresql.existingSecret" -}}
{{- end -}}
{{- end -}}

{{/* dict "path" PATH "entry" MAPPING "keys" LIST: a value of these keys is a reference, or a list of them. */}}
{{- define "bridge.refuseSecrets" -}}
{{- if kindIs "map" .entry -}}
{{- range $key := .keys -}}
{{- $given := get $.entry $key -}}
{{- range ternary $given (list $given) (kindIs "slice" $given) -}}
{{- if and . (not (include "bridge.isReference" .)) -}}
{{- fail (printf "%s.%s is a secret, and config becomes a ConfigMap: put it into a Secret, name that in existingSecret, and write {file: /etc/bridge/secrets/KEY}. For a trial, secrets makes one" $.path $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Headers that are secrets by their names. */}}
{{- define "bridge.refuseHeaders" -}}
{{- if kindIs "map" .entry -}}
{{- $path := printf "%s.headers" .path -}}
{{- range $name, $value := .entry.headers -}}
{{- if regexMatch "(?i)(^|-)(authorization|cookie|password|secret|token|(api-?)?key)(-|$)" $name -}}
{{- include "bridge.refuseSecrets" (dict "path" $path "entry" (dict $name $value) "keys" (list $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bridge.isReference" -}}
{{- if kindIs "map" . -}}{{- if or (hasKey . "env") (hasKey . "file") -}}true{{- end -}}{{- end -}}
{{- end -}}
