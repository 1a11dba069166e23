// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenSeconds is how long a ServiceAccount token lasts: longer than any test.
const tokenSeconds = 24 * 60 * 60

// Config answers a configuration of a cluster admin without client-side rate limit.
func (c *ControlPlane) Config() *rest.Config {
	return c.configFor(c.state.Tokens[adminUser])
}

// UserConfig answers a configuration that acts as the user, by impersonation. The user needs a role
// binding to do anything.
func (c *ControlPlane) UserConfig(name string, groups ...string) *rest.Config {
	cfg := c.Config()
	cfg.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: slices.Clone(groups)}
	return cfg
}

// ServiceAccountConfig answers a configuration with a real token of the ServiceAccount, which must
// exist. The token lasts a day.
func (c *ControlPlane) ServiceAccountConfig(ctx context.Context, namespace, name string) (*rest.Config, error) {
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("requesting a token for ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return c.configFor(answer.Status.Token), nil
}

func (d directory) controllerManagerKubeconfig() string {
	return d.path("config", "kube-controller-manager.kubeconfig")
}

// writeKubeconfigs writes those that carry the address of the API server.
func (c *ControlPlane) writeKubeconfigs() error {
	if err := WriteKubeconfig(c.dir.kubeconfig(), c.Config()); err != nil {
		return err
	}
	return WriteKubeconfig(c.dir.controllerManagerKubeconfig(), c.configFor(c.state.Tokens[controllerManagerUser]))
}

func (c *ControlPlane) configFor(token string) *rest.Config {
	return &rest.Config{
		Host:            c.url("https", apiServerProgram, ""),
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.trust},
		QPS:             -1,
	}
}

// WriteKubeconfig writes cfg as a kubeconfig file that only the current user can read.
func WriteKubeconfig(path string, cfg *rest.Config) error {
	const name = "podsecurity-rollout"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server:                   cfg.Host,
		CertificateAuthorityData: cfg.CAData,
		CertificateAuthority:     cfg.CAFile,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{
		Token:             cfg.BearerToken,
		Impersonate:       cfg.Impersonate.UserName,
		ImpersonateGroups: cfg.Impersonate.Groups,
	}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encoding the kubeconfig: %w", err)
	}
	return writeWhole(path, data)
}
