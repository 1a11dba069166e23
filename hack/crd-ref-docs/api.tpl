{{- /* What docs/api.md looks like: the two kinds first, then every type they are made of. */ -}}

{{- define "gvList" -}}
# API

<!-- Generated from api/v1alpha1 by `make generate`. Change the Go comments there. -->

{{ range . -}}
Group and version: `{{ .GroupVersionString }}`

{{ .Doc }}

Kinds:
{{ range .SortedKinds }}
- [{{ . }}](#{{ lower . }})
{{- end }}

{{ $gv := . -}}
{{ range .SortedKinds }}{{ template "type" ($gv.TypeForKind .) }}{{ end -}}
{{ range .SortedTypes }}{{ if not .GVK }}{{ template "type" . }}{{ end }}{{ end -}}
{{ end -}}
{{ end -}}

{{- define "type" -}}
{{ if markdownShouldRenderType . -}}
## {{ .Name }}

{{ .Doc }}
{{ if .References }}
Appears in: {{ range $i, $reference := .SortedReferences }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $reference }}{{ end }}
{{ end }}
{{ if .Members -}}
| field | type | description | default | constraints |
| --- | --- | --- | --- | --- |
{{ if .GVK -}}
| `apiVersion` | string | `{{ .GVK.Group }}/{{ .GVK.Version }}` | | |
| `kind` | string | `{{ .GVK.Kind }}` | | |
{{ end -}}
{{ range .Members -}}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ markdownRenderFieldDoc .Doc }} | {{ markdownRenderDefault .Default }} | {{ template "constraints" .Validation }} |
{{ end }}
{{ end -}}
{{ if .EnumValues -}}
| value | description |
| --- | --- |
{{ range .EnumValues -}}
| `{{ .Name }}` | {{ trimSuffix "<br />" (markdownRenderFieldDoc .Doc) }} |
{{ end }}
{{ end -}}
{{ end -}}
{{ end -}}

{{- define "constraints" -}}
{{ range $i, $rule := . }}{{ if $i }}, {{ end -}}
{{ if hasPrefix "Required" $rule }}required{{ else if hasPrefix "Optional" $rule }}optional{{ else }}{{ markdownRenderFieldDoc $rule }}{{ end -}}
{{ end -}}
{{ end -}}
