// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// AssetsEnv names the variable that points at prebuilt binaries, the one setup-envtest uses.
const AssetsEnv = "KUBEBUILDER_ASSETS"

// Options say what control plane is wanted.
type Options struct {
	// Assets is the directory that holds the binaries. Empty means DefaultAssets.
	Assets string

	// Dir holds all that belongs to the control plane, see the package documentation. Required. It is
	// created when it does not exist. When a stopped control plane left its data there, it continues.
	Dir string

	// ControllerManager starts kube-controller-manager too: workloads get pods and namespaces get
	// their default ServiceAccount. Without it the API server admits pods that have no ServiceAccount,
	// and a deleted namespace stays Terminating.
	ControllerManager bool

	// PodSecurityConfig is the path of a PodSecurityConfiguration, or of an AdmissionConfiguration
	// that holds one: the cluster's default policy and its exemptions. Empty means the plugin's own
	// defaults, privileged and no exemption.
	PodSecurityConfig string

	// EmulatedVersion, such as "1.36", makes the API server behave as that version. Empty means the
	// version of the binary.
	EmulatedVersion string

	// Detach lets the processes outlive this one. When false they end with it, however it ends; on
	// systems other than Linux only Stop ends them.
	Detach bool

	// ExtraAPIServerArgs come after all other flags of the API server, so they win.
	ExtraAPIServerArgs []string
}

// DefaultAssets answers where the binaries are looked for: KUBEBUILDER_ASSETS when set, else
// bin/controlplane of the repository that holds the working directory.
func DefaultAssets() string {
	if assets := os.Getenv(AssetsEnv); assets != "" {
		return assets
	}
	built := filepath.Join("bin", "controlplane")
	dir, err := os.Getwd()
	if err != nil {
		return built
	}
	for parent := filepath.Dir(dir); ; dir, parent = parent, filepath.Dir(parent) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "controlplane", "go.mod")); err == nil {
			return filepath.Join(dir, built)
		}
		if parent == dir {
			return built
		}
	}
}

// complete answers o with absolute paths and its defaults filled in.
func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("no directory given for the control plane")
	}
	if o.Assets == "" {
		o.Assets = DefaultAssets()
	}
	o.ExtraAPIServerArgs = slices.Clone(o.ExtraAPIServerArgs)
	for _, path := range []*string{&o.Dir, &o.Assets, &o.PodSecurityConfig} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return o, fmt.Errorf("finding the absolute path of %q: %w", *path, err)
		}
		*path = absolute
	}
	return o, nil
}

// checkAssets fails when a binary that o needs is missing, before anything is started.
func (o Options) checkAssets() error {
	for _, p := range o.programs() {
		path := filepath.Join(o.Assets, p.name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if os.Getenv(AssetsEnv) != "" {
			return fmt.Errorf("no %s in %s: complete the directory that %s names, or unset it and run `make controlplane`",
				p.name, o.Assets, AssetsEnv)
		}
		return fmt.Errorf("no %s in %s: run `make controlplane` first", p.name, o.Assets)
	}
	return nil
}

// compatibleWith fails when o asks for something that a cluster running with other options does not
// give. An option left empty asks for nothing.
func (o Options) compatibleWith(running Options) error {
	var differs string
	switch {
	case o.ControllerManager && !running.ControllerManager:
		differs = "without kube-controller-manager"
	case o.PodSecurityConfig != "" && o.PodSecurityConfig != running.PodSecurityConfig:
		differs = fmt.Sprintf("with the Pod Security configuration %q", running.PodSecurityConfig)
	case o.EmulatedVersion != "" && o.EmulatedVersion != running.EmulatedVersion:
		differs = fmt.Sprintf("with the emulated version %q", running.EmulatedVersion)
	case len(o.ExtraAPIServerArgs) > 0 && !slices.Equal(o.ExtraAPIServerArgs, running.ExtraAPIServerArgs):
		differs = fmt.Sprintf("with the API server arguments %q", running.ExtraAPIServerArgs)
	default:
		return nil
	}
	return fmt.Errorf("a control plane already runs in %s %s: stop it first", o.Dir, differs)
}

// changed answers o after the change, with the options kept that a running control plane cannot change.
func (o Options) changed(change func(*Options)) (Options, error) {
	after := o
	after.ExtraAPIServerArgs = slices.Clone(o.ExtraAPIServerArgs)
	if change != nil {
		change(&after)
	}
	after.Dir, after.ControllerManager, after.Detach = o.Dir, o.ControllerManager, o.Detach
	after, err := after.complete()
	if err != nil {
		return o, err
	}
	return after, after.checkAssets()
}
