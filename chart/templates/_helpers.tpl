{{- define "arcwright.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "arcwright.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "arcwright.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "arcwright.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What the pods are selected by: never changes. */}}
{{- define "arcwright.selector" -}}
app.kubernetes.io/name: {{ include "arcwright.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: config-agent
{{- end -}}

{{- define "arcwright.labels" -}}
{{ include "arcwright.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: arcwright
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "arcwright.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "arcwright.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "arcwright.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{/* Whether a flag of the original chart is set: it came as a word, since `helm --set` was given True and False. */}}
{{- define "arcwright.isSet" -}}
{{- if has (. | toString | lower) (list "true" "1" "yes") }}true{{ end -}}
{{- end -}}

{{/* The proxy, by the chart's own values or by those of the original. JSON, with the keys https, http and no. */}}
{{- define "arcwright.proxy" -}}
{{- $own := .Values.proxy -}}
{{- $old := dict -}}
{{- if include "arcwright.isSet" .Values.global.isProxyEnabled -}}
{{- $old = .Values.global -}}
{{- end -}}
{{- dict "https" ($own.https | default $old.httpsProxy | default "") "http" ($own.http | default $old.httpProxy | default "") "no" ($own.noProxy | default $old.noProxy | default "") | toJson -}}
{{- end -}}

{{/* PEM text of the authorities to be trusted besides the public ones. */}}
{{- define "arcwright.authorities" -}}
{{- if .Values.authorities.pem -}}
{{- .Values.authorities.pem -}}
{{- else -}}
{{- .Values.global.proxyCert -}}
{{- end -}}
{{- end -}}

{{/* The ConfigMap that has the authorities; nothing when there are none. */}}
{{- define "arcwright.authoritiesConfigMap" -}}
{{- if .Values.authorities.existingConfigMap -}}
{{- .Values.authorities.existingConfigMap -}}
{{- else if include "arcwright.authorities" . -}}
{{- include "arcwright.fullname" . }}-authorities
{{- end -}}
{{- end -}}

{{/* The ARM id of the connected cluster. */}}
{{- define "arcwright.clusterId" -}}
{{- with .Values.global -}}
{{- if not (and .subscriptionId .resourceGroupName .resourceName) -}}
{{- fail "hub.url takes global.subscriptionId, global.resourceGroupName and global.resourceName: the cluster's resource there; `arcwright connect` gives all of them" -}}
{{- end -}}
{{- printf "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Kubernetes/connectedClusters/%s" .subscriptionId .resourceGroupName .resourceName -}}
{{- end -}}
{{- end -}}

{{- define "arcwright.hasState" -}}
{{- if or .Values.state.inline .Values.state.existingConfigMap .Values.state.existingSecret }}true{{ end -}}
{{- end -}}

{{/* Definitions of custom resources, as `arcwright crds` prints them, with the chart's labels and what keeps them at an uninstall. */}}
{{- define "arcwright.definitions" -}}
{{- range $document := regexSplit "(?m)^---\\s*$" .text -1 }}
{{- $definition := fromYaml $document }}
{{- if $definition.kind }}
{{- $labels := merge (fromYaml (include "arcwright.labels" $.context)) ($definition.metadata.labels | default dict) }}
{{- $annotations := $definition.metadata.annotations | default dict }}
{{- if $.context.Values.customResources.keep }}
{{- $annotations = merge (dict "helm.sh/resource-policy" "keep") $annotations }}
{{- end }}
{{- $metadata := merge (dict "labels" $labels "annotations" $annotations) $definition.metadata }}
---
{{ merge (dict "metadata" $metadata) $definition | toYaml }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The files of rights that the values ask for, as docs/rights.md describes them. JSON. */}}
{{- define "arcwright.rights" -}}
{{- $all := list "agent" -}}
{{- if has .Values.native.accounts (list "own" "given") -}}
{{- $all = append $all "impersonate" -}}
{{- if .Values.native.observe -}}
{{- $all = append $all "observe" -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.native.accounts "own" -}}
{{- $all = append $all "accounts-namespace" -}}
{{- if .Values.native.clusterScope -}}
{{- $all = append $all "accounts-cluster" -}}
{{- end -}}
{{- end -}}
{{- if .Values.rbac.secrets -}}
{{- $all = append $all "secrets" -}}
{{- end -}}
{{- if .Values.rbac.keys -}}
{{- $all = append $all "keys" -}}
{{- end -}}
{{- if .Values.customResources.watch -}}
{{- $all = append $all "custom-resources" -}}
{{- if .Values.customResources.historicalKinds -}}
{{- $all = append $all "historical-kinds" -}}
{{- end -}}
{{- end -}}
{{- if ne .Values.rbac.fluxV1 "off" -}}
{{- $all = append $all "flux-v1-namespace" -}}
{{- if eq .Values.rbac.fluxV1 "cluster" -}}
{{- $all = append $all "flux-v1-cluster" -}}
{{- end -}}
{{- end -}}
{{- if .Values.rbac.fluxV2 -}}
{{- $all = append $all "flux-v2" -}}
{{- if .Values.fluxV2.install -}}
{{- $all = append $all "flux-v2-install" -}}
{{- end -}}
{{- end -}}
{{- if .Values.hub.url -}}
{{- $all = append $all "hub" -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}
