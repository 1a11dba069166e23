// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// auditPolicy records who did what to which object. Writes of namespaces come with the object sent
// and the object stored: what label was written when is what tests of this operator ask.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: RequestResponse
  verbs: [create, update, patch, delete]
  resources:
  - resources: [namespaces]
- level: Metadata
`

// admissionConfiguration gives the PodSecurity plugin the file beside it.
const admissionConfiguration = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  path: pod-security.yaml
`

func (d directory) auditPolicy() string     { return d.path("config", "audit-policy.yaml") }
func (d directory) podSecurity() string     { return d.path("config", "pod-security.yaml") }
func (d directory) admissionConfig() string { return d.path("config", "admission.yaml") }

// writeAdmissionConfig writes the file for --admission-control-config-file and answers its path, or
// nothing when there is no configuration to give. An AdmissionConfiguration stays where it is: its
// paths are relative to it.
func writeAdmissionConfig(d directory, podSecurityConfig string) (string, error) {
	if podSecurityConfig == "" {
		return "", nil
	}
	data, err := os.ReadFile(podSecurityConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the Pod Security configuration: no file %s", podSecurityConfig)
	}
	if err != nil {
		return "", fmt.Errorf("reading the Pod Security configuration: %w", err)
	}
	var object struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(data, &object); err != nil {
		return "", fmt.Errorf("reading the Pod Security configuration %s: %w", podSecurityConfig, err)
	}
	switch object.Kind {
	case "AdmissionConfiguration":
		return podSecurityConfig, nil
	case "PodSecurityConfiguration":
		if err := writeWhole(d.podSecurity(), data); err != nil {
			return "", err
		}
		return d.admissionConfig(), writeWhole(d.admissionConfig(), []byte(admissionConfiguration))
	default:
		return "", fmt.Errorf("the Pod Security configuration %s is of kind %q: give a PodSecurityConfiguration or an AdmissionConfiguration",
			podSecurityConfig, object.Kind)
	}
}
