// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestMetricsAreForThoseWhoMay reads the metrics as nobody, as a ServiceAccount
// without the right, and as one that has it as docs/install.md says; and it takes the
// operator's own right to tell them apart.
func TestMetricsAreForThoseWhoMay(t *testing.T) {
	s := need(t)
	address := freeAddress(t)
	s.runOperator(t, "metrics", "--metrics-bind-address="+address)
	const may, mayNot = "metrics-reader", "metrics-stranger"
	s.create(t,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: may}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: mayNot}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: may}, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: may}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: may},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: may}},
		},
	)
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"nobody":            {"", http.StatusUnauthorized},
		"a forged token":    {"forged", http.StatusInternalServerError}, // controller-runtime's answer to what the API server does not know
		"without the right": {s.token(t, mayNot), http.StatusForbidden},
		"with the right":    {s.token(t, may), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			eventually(t, func(ctx context.Context) error {
				status, body, err := scrape(ctx, "https://"+address+"/metrics", test.token)
				if err != nil {
					return err
				}
				if told := strings.Contains(body, "podsecurity_rollout_"); status != test.want || told != (status == http.StatusOK) {
					return fmt.Errorf("status %d, want %d; metrics in it: %t", status, test.want, told)
				}
				return nil
			})
		})
	}
	for _, resource := range []string{"tokenreviews", "subjectaccessreviews"} {
		t.Run("the operator may not create "+resource, func(t *testing.T) { s.metricsWithout(t, resource) })
	}
}

// metricsWithout takes from the operator what it tells readers of metrics apart by:
// nobody reads them, and the log says why.
func (s *site) metricsWithout(t *testing.T, resource string) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "podsecurity-rollout-metrics-auth"}}
	whole, use := s.rulesOf(t, role, func() *[]rbacv1.PolicyRule { return &role.Rules })
	for i, rule := range whole {
		if rule.Resources[0] == resource {
			use(withoutRight(whole, i, resource))
		}
	}
	address := freeAddress(t)
	o := s.runOperator(t, "metrics-without-"+resource, "--metrics-bind-address="+address)
	token := s.token(t, "metrics-reader")
	eventually(t, func(ctx context.Context) error {
		status, _, err := scrape(ctx, "https://"+address+"/metrics", token)
		if err != nil {
			return err
		}
		if log := o.logged(t); status != http.StatusInternalServerError || !says(log, resource) {
			return fmt.Errorf("status %d, want 500 and in the log that %s are forbidden:\n%s", status, resource, log)
		}
		return nil
	})
}

func (s *site) token(t *testing.T, account string) string {
	t.Helper()
	config, err := s.ServiceAccountConfig(t.Context(), "default", account)
	if err != nil {
		t.Fatal(err)
	}
	return config.BearerToken
}

// scrape reads metrics with a token, empty for none. The certificate is one that the
// operator has made for itself.
func scrape(ctx context.Context, url, token string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // nothing is sent but to loopback
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(data), err
}
