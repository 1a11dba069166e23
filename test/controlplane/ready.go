// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// probeTimeout bounds one question to a program that may hang.
const probeTimeout = 5 * time.Second

// etcdReady asks for the members. That they are told means that there is a leader, and the name that
// it is not somebody else's etcd: etcd here has no certificate that would tell.
func (c *ControlPlane) etcdReady(ctx context.Context) error {
	url := c.url("http", etcdProgram, "/v3/cluster/member/list")
	answer, err := c.probe(ctx, http.MethodPost, url, []byte(`{"linearizable":true}`))
	if err != nil {
		return err
	}
	var list struct {
		Members []struct {
			Name string `json:"name"`
		} `json:"members"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", url, err)
	}
	if len(list.Members) != 1 || list.Members[0].Name != c.state.Name {
		return fmt.Errorf("another etcd answers at %s", url)
	}
	return nil
}

// apiServerReady asks for readiness and for the namespaces that tests take for granted, which are
// made a moment later.
func (c *ControlPlane) apiServerReady(ctx context.Context) error {
	return c.probeAll(ctx,
		c.url("https", apiServerProgram, "/readyz"),
		c.url("https", apiServerProgram, "/api/v1/namespaces/default"),
		c.url("https", apiServerProgram, "/api/v1/namespaces/kube-system"),
	)
}

// controllerManagerReady asks for health, and for the first thing that the controllers make.
func (c *ControlPlane) controllerManagerReady(ctx context.Context) error {
	return c.probeAll(ctx,
		c.url("https", controllerManagerProgram, "/healthz"),
		c.url("https", apiServerProgram, "/api/v1/namespaces/default/serviceaccounts/default"),
	)
}

func (c *ControlPlane) probeAll(ctx context.Context, urls ...string) error {
	for _, url := range urls {
		if _, err := c.probe(ctx, http.MethodGet, url, nil); err != nil {
			return err
		}
	}
	return nil
}

// probe answers the body of a successful answer.
func (c *ControlPlane) probe(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	if strings.HasPrefix(url, c.url("https", apiServerProgram, "/")) {
		request.Header.Set("Authorization", "Bearer "+c.state.Tokens[adminUser])
	}
	response, err := c.prober.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %s: %s: %s", url, response.Status, strings.TrimSpace(string(answer)))
	}
	return answer, nil
}

// newProber answers a client that trusts this control plane and none other. It keeps no connection:
// the servers it asks come and go.
func newProber(trust []byte) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trust)
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
}
