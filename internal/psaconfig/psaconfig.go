// SPDX-License-Identifier: Apache-2.0

// Package psaconfig reads the API server's own PodSecurity configuration: the
// cluster's default policy, and who is exempt. No API shows it, so the operator
// is given the same file that the API server is given.
//
// It may import nothing of this project.
package psaconfig

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/util/sets"
	admissionapi "k8s.io/pod-security-admission/admission/api"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/admission/api/validation"
	psaapi "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

// Config is what of the configuration a verdict depends on. Exempt users are
// not in it: who created a pod is not known afterwards.
type Config struct {
	// Defaults is the policy of a namespace without labels.
	Defaults psaapi.Policy
	// ExemptNamespaces and ExemptRuntimeClasses are never judged.
	ExemptNamespaces, ExemptRuntimeClasses sets.Set[string]
}

// Load reads a file: an AdmissionConfiguration with a PodSecurity plugin, or a
// bare PodSecurityConfiguration, of any version upstream's loader knows. An
// empty path answers the API server's built-in defaults.
func Load(path string) (Config, error) {
	if path == "" {
		return parse(nil)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the PodSecurity configuration: %w", err)
	}
	config, err := parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("reading the PodSecurity configuration %q: %w", path, err)
	}
	return config, nil
}

func parse(data []byte) (Config, error) {
	data, err := unwrap(data)
	if err != nil {
		return Config{}, err
	}
	loaded, err := load.LoadFromData(data)
	if err != nil {
		return Config{}, err
	}
	if errs := validation.ValidatePodSecurityConfiguration(loaded); len(errs) > 0 {
		return Config{}, errs.ToAggregate()
	}
	defaults, err := admissionapi.ToPolicy(loaded.Defaults)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Defaults:             defaults,
		ExemptNamespaces:     sets.New(loaded.Exemptions.Namespaces...),
		ExemptRuntimeClasses: sets.New(loaded.Exemptions.RuntimeClasses...),
	}, nil
}

// admissionConfiguration is the part of apiserver.config.k8s.io's
// AdmissionConfiguration that leads to a plugin's own configuration.
type admissionConfiguration struct {
	Kind    string `json:"kind"`
	Plugins []struct {
		Name          string         `json:"name"`
		Path          string         `json:"path"`
		Configuration map[string]any `json:"configuration"`
	} `json:"plugins"`
}

// unwrap answers the PodSecurity plugin's configuration of an
// AdmissionConfiguration, and anything else as it is.
func unwrap(data []byte) ([]byte, error) {
	var outer admissionConfiguration
	if err := yaml.Unmarshal(data, &outer); err != nil {
		return nil, fmt.Errorf("it is no YAML: %w", err)
	}
	if outer.Kind != "AdmissionConfiguration" {
		return data, nil
	}
	for _, plugin := range outer.Plugins {
		switch {
		case plugin.Name != "PodSecurity":
		case plugin.Path != "":
			return os.ReadFile(plugin.Path)
		case plugin.Configuration != nil:
			return yaml.Marshal(plugin.Configuration)
		}
	}
	return nil, nil // no PodSecurity plugin is configured: the built-in defaults apply
}
