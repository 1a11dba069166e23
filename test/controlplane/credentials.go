// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The users that the API server knows by token. Everybody else comes with a ServiceAccount token.
const (
	adminUser             = "admin"
	controllerManagerUser = "system:kube-controller-manager"
)

// adminGroup may do everything, past RBAC, priority and fairness.
const adminGroup = "system:masters"

func (d directory) servingCert() string       { return d.path("pki", "serving.crt") }
func (d directory) servingKey() string        { return d.path("pki", "serving.key") }
func (d directory) serviceAccountKey() string { return d.path("pki", "service-account.key") }
func (d directory) tokens() string            { return d.path("config", "tokens.csv") }

// makeKeys makes the keys that are missing and keeps the others: clients of a control plane that is
// started again go on trusting it, and ServiceAccount tokens stay good.
func makeKeys(d directory) error {
	if _, _, err := keyutil.LoadOrGenerateKeyFile(d.serviceAccountKey()); err != nil {
		return fmt.Errorf("making the key of ServiceAccount tokens: %w", err)
	}
	if _, err := os.Stat(d.servingCert()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey(loopback, []net.IP{net.ParseIP(loopback)}, []string{"localhost"})
	if err != nil {
		return fmt.Errorf("making the serving certificate: %w", err)
	}
	// The certificate comes second: where it is, the key is too.
	if err := writeWhole(d.servingKey(), key); err != nil {
		return err
	}
	return writeWhole(d.servingCert(), certificate)
}

// makeTokens adds the tokens that are missing from s and writes all of them for the API server.
func makeTokens(d directory, s *state) error {
	if s.Tokens == nil {
		s.Tokens = map[string]string{}
	}
	for _, user := range []string{adminUser, controllerManagerUser} {
		if s.Tokens[user] == "" {
			s.Tokens[user] = rand.Text()
		}
	}
	lines := []string{
		fmt.Sprintf("%s,%s,%s,%q", s.Tokens[adminUser], adminUser, adminUser, adminGroup),
		fmt.Sprintf("%s,%s,%s", s.Tokens[controllerManagerUser], controllerManagerUser, controllerManagerUser),
	}
	return writeWhole(d.tokens(), []byte(strings.Join(lines, "\n")+"\n"))
}
