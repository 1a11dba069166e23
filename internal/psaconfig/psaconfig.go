// SPDX-License-Identifier: Apache-2.0

package psaconfig

import (
	"errors"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/util/sets"
	admissionapi "k8s.io/pod-security-admission/admission/api"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/admission/api/validation"
	psaapi "k8s.io/pod-security-admission/api"
)

// Config is what of the configuration a verdict depends on. Exempt users are
// not in it: who created a pod is not known afterwards.
type Config struct {
	// Defaults is the policy of a namespace without labels.
	Defaults psaapi.Policy
	// ExemptNamespaces and ExemptRuntimeClasses are never judged.
	ExemptNamespaces, ExemptRuntimeClasses sets.Set[string]
}

// Equal is whether two configurations say the same.
func (c Config) Equal(other Config) bool {
	return c.Defaults == other.Defaults &&
		c.ExemptNamespaces.Equal(other.ExemptNamespaces) && c.ExemptRuntimeClasses.Equal(other.ExemptRuntimeClasses)
}

// Load reads a file: an AdmissionConfiguration with a PodSecurity plugin, or a
// bare PodSecurityConfiguration, of any version that the API server knows. An
// empty path answers the API server's built-in defaults.
func Load(path string) (Config, error) {
	config, _, err := read(path)
	return config, err
}

// read is Load. It also answers the files that the answer depends on, as far as
// they are known, the error or not.
func read(path string) (config Config, files []string, err error) {
	if path == "" {
		config, err = parse(nil)
		return config, nil, err
	}
	data, files, err := readFiles(path)
	if err == nil {
		config, err = parse(data)
	}
	if err != nil {
		return Config{}, files, fmt.Errorf("reading the PodSecurity configuration %q: %w", path, err)
	}
	return config, files, nil
}

// readFiles answers the PodSecurity plugin's own configuration, empty for the
// built-in defaults, and the files that say so.
func readFiles(path string) (data []byte, files []string, err error) {
	files = []string{path}
	data, err = os.ReadFile(path)
	if err != nil {
		return nil, files, err
	}
	if len(data) == 0 {
		return nil, files, errors.New("the file is empty: give the file that the API server is given, or none for its built-in defaults")
	}
	data, inner, err := unwrap(data, path)
	if err != nil || inner == "" {
		return data, files, err
	}
	files = append(files, inner)
	if data, err = os.ReadFile(inner); err != nil {
		err = fmt.Errorf("the path of its PodSecurity plugin: %w; mount that file too, or embed it as configuration", err)
	}
	return data, files, err
}

// parse reads a PodSecurityConfiguration; no data stand for the built-in defaults.
func parse(data []byte) (Config, error) {
	loaded, err := load.LoadFromData(data)
	if err != nil {
		return Config{}, withRemedy(err, "pod-security.admission.config.k8s.io/v1")
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
