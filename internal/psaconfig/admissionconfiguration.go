// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"fmt"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/apis/apiserver"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	apiserverv1alpha1 "k8s.io/apiserver/pkg/apis/apiserver/v1alpha1"
	"sigs.k8s.io/yaml"
)

// plugin is the name of the plugin whose configuration counts.
const plugin = "PodSecurity"

// outer decodes as the API server does (k8s.io/apiserver/pkg/server/options,
// configScheme, and admission.ReadAdmissionConfiguration). That function itself is
// not called: it ends the process over a plugin's path that cannot be read.
var outer = serializer.NewCodecFactory(newScheme(), serializer.EnableStrict).UniversalDecoder()

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(apiserver.AddToScheme(scheme))
	utilruntime.Must(apiserverv1alpha1.AddToScheme(scheme))
	utilruntime.Must(apiserverv1.AddToScheme(scheme))
	return scheme
}

// unwrap answers the PodSecurity plugin's configuration of an
// AdmissionConfiguration, or the path of the file that it is in; a bare
// PodSecurityConfiguration as it is; and neither when no such plugin is
// configured, so that the built-in defaults apply.
func unwrap(data []byte, from string) (config []byte, path string, err error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(data, &meta); err != nil {
		return nil, "", fmt.Errorf("it is no YAML: %w", err)
	}
	switch meta.Kind {
	case "PodSecurityConfiguration":
		return data, "", nil
	case "AdmissionConfiguration":
	default:
		return nil, "", fmt.Errorf("kind %q, apiVersion %q: give the file that the API server's --admission-control-config-file names, "+
			"an AdmissionConfiguration, or the PodSecurityConfiguration in it", meta.Kind, meta.APIVersion)
	}
	decoded, err := runtime.Decode(outer, data)
	if err != nil {
		return nil, "", withRemedy(err, "apiserver.config.k8s.io/v1")
	}
	admission, ok := decoded.(*apiserver.AdmissionConfiguration)
	if !ok {
		return nil, "", fmt.Errorf("it decodes to a %T, want an AdmissionConfiguration", decoded)
	}
	config, path = pluginConfiguration(admission, filepath.Dir(from))
	return config, path, nil
}

// pluginConfiguration answers what the first entry of the plugin says, as the API
// server takes it: what is embedded comes before a path, and a relative path
// starts where the AdmissionConfiguration is.
func pluginConfiguration(admission *apiserver.AdmissionConfiguration, dir string) (config []byte, path string) {
	for _, p := range admission.Plugins {
		switch {
		case p.Name != plugin:
			continue
		case p.Configuration != nil:
			return p.Configuration.Raw, ""
		case p.Path == "" || filepath.IsAbs(p.Path):
			return nil, p.Path
		}
		return nil, filepath.Join(dir, p.Path)
	}
	return nil, ""
}

// withRemedy says how to put right what the API server's own decoder refuses.
func withRemedy(err error, apiVersion string) error {
	switch {
	case runtime.IsStrictDecodingError(err):
		return fmt.Errorf("%w: correct the field or remove it, the API server refuses it too", err)
	case runtime.IsNotRegisteredError(err), runtime.IsMissingVersion(err), runtime.IsMissingKind(err):
		return fmt.Errorf("%w: use apiVersion %s", err, apiVersion)
	}
	return err
}
