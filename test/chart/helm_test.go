// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"errors"
	"fmt"
	"path/filepath"

	action3 "helm.sh/helm/v3/pkg/action"
	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	chartutil3 "helm.sh/helm/v3/pkg/chartutil"
	action4 "helm.sh/helm/v4/pkg/action"
	common4 "helm.sh/helm/v4/pkg/chart/common"
	loader4 "helm.sh/helm/v4/pkg/chart/loader"
	kube4 "helm.sh/helm/v4/pkg/kube"
	release4 "helm.sh/helm/v4/pkg/release"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

const (
	releaseName      = "podsecurity-rollout"
	releaseNamespace = "podsecurity-rollout-system"
	kubeVersion      = "v1.37.0"
)

// root is the repository's, chart the chart's directory.
var (
	root  = filepath.Join("..", "..")
	chart = filepath.Join(root, "charts", "podsecurity-rollout")
)

type values = map[string]any

// helm is one major version of Helm.
type helm interface {
	lint(values) error
	render(values) (string, error)
	install(kubeconfig string, v values) error
	upgrade(kubeconfig string, v values) error
	uninstall(kubeconfig string) error
}

var helms = map[string]helm{"helm 3": helm3{}, "helm 4": helm4{}}

func getter(kubeconfig string) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true)
	namespace := releaseNamespace
	flags.KubeConfig, flags.Namespace = &kubeconfig, &namespace
	return flags
}

type helm3 struct{}

func (helm3) lint(v values) error {
	version, err := chartutil3.ParseKubeVersion(kubeVersion)
	if err != nil {
		return err
	}
	lint := action3.NewLint()
	lint.Strict, lint.Namespace, lint.KubeVersion = true, releaseNamespace, version
	return errors.Join(lint.Run([]string{chart}, v).Errors...)
}

func (helm3) render(v values) (string, error) {
	version, err := chartutil3.ParseKubeVersion(kubeVersion)
	if err != nil {
		return "", err
	}
	loaded, err := loader3.Load(chart)
	if err != nil {
		return "", err
	}
	install := action3.NewInstall(&action3.Configuration{})
	install.ClientOnly, install.DryRun, install.KubeVersion = true, true, version
	install.ReleaseName, install.Namespace = releaseName, releaseNamespace
	release, err := install.Run(loaded, v)
	if err != nil {
		return "", err
	}
	return release.Manifest, nil
}

func (helm3) configuration(kubeconfig string) (*action3.Configuration, error) {
	config := &action3.Configuration{}
	return config, config.Init(getter(kubeconfig), releaseNamespace, "secret", func(string, ...any) {})
}

func (h helm3) install(kubeconfig string, v values) error {
	config, err := h.configuration(kubeconfig)
	if err != nil {
		return err
	}
	loaded, err := loader3.Load(chart)
	if err != nil {
		return err
	}
	install := action3.NewInstall(config)
	install.ReleaseName, install.Namespace, install.CreateNamespace = releaseName, releaseNamespace, true
	_, err = install.Run(loaded, v)
	return err
}

func (h helm3) upgrade(kubeconfig string, v values) error {
	config, err := h.configuration(kubeconfig)
	if err != nil {
		return err
	}
	loaded, err := loader3.Load(chart)
	if err != nil {
		return err
	}
	upgrade := action3.NewUpgrade(config)
	upgrade.Namespace = releaseNamespace
	_, err = upgrade.Run(releaseName, loaded, v)
	return err
}

func (h helm3) uninstall(kubeconfig string) error {
	config, err := h.configuration(kubeconfig)
	if err != nil {
		return err
	}
	_, err = action3.NewUninstall(config).Run(releaseName)
	return err
}

type helm4 struct{}

func (helm4) lint(v values) error {
	version, err := common4.ParseKubeVersion(kubeVersion)
	if err != nil {
		return err
	}
	lint := action4.NewLint()
	lint.Strict, lint.Namespace, lint.KubeVersion = true, releaseNamespace, version
	return errors.Join(lint.Run([]string{chart}, v).Errors...)
}

func (helm4) render(v values) (string, error) {
	version, err := common4.ParseKubeVersion(kubeVersion)
	if err != nil {
		return "", err
	}
	loaded, err := loader4.Load(chart)
	if err != nil {
		return "", err
	}
	install := action4.NewInstall(action4.NewConfiguration())
	install.DryRunStrategy, install.KubeVersion = action4.DryRunClient, version
	install.ReleaseName, install.Namespace = releaseName, releaseNamespace
	release, err := install.Run(loaded, v)
	if err != nil {
		return "", err
	}
	accessor, err := release4.NewAccessor(release)
	if err != nil {
		return "", fmt.Errorf("reading the release: %w", err)
	}
	return accessor.Manifest(), nil
}

func (helm4) configuration(kubeconfig string) (*action4.Configuration, error) {
	config := action4.NewConfiguration()
	return config, config.Init(getter(kubeconfig), releaseNamespace, "secret")
}

func (h helm4) install(kubeconfig string, v values) error {
	config, err := h.configuration(kubeconfig)
	if err != nil {
		return err
	}
	loaded, err := loader4.Load(chart)
	if err != nil {
		return err
	}
	install := action4.NewInstall(config)
	install.ReleaseName, install.Namespace, install.CreateNamespace = releaseName, releaseNamespace, true
	install.WaitStrategy = kube4.HookOnlyStrategy // no kubelet runs the pods
	_, err = install.Run(loaded, v)
	return err
}

func (h helm4) upgrade(kubeconfig string, v values) error {
	config, err := h.configuration(kubeconfig)
	if err != nil {
		return err
	}
	loaded, err := loader4.Load(chart)
	if err != nil {
		return err
	}
	upgrade := action4.NewUpgrade(config)
	upgrade.Namespace, upgrade.ServerSideApply, upgrade.WaitStrategy = releaseNamespace, "auto", kube4.HookOnlyStrategy
	_, err = upgrade.Run(releaseName, loaded, v)
	return err
}

func (h helm4) uninstall(kubeconfig string) error {
	config, err := h.configuration(kubeconfig)
	if err != nil {
		return err
	}
	uninstall := action4.NewUninstall(config)
	uninstall.WaitStrategy = kube4.HookOnlyStrategy
	_, err = uninstall.Run(releaseName)
	return err
}
