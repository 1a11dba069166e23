// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/crowd"
)

// TestWithoutOperator runs every command on a cluster that does not know the operator's kinds: what needs them says so and what to do, the others work.
func TestWithoutOperator(t *testing.T) {
	bare := newCluster(t)
	create(t, newClient(t, bare), namespaceOf("shop", nil))
	tests := map[string]struct {
		args       []string
		wantCode   int
		wantStdout string
		wantStderr string
	}{
		"preview":           {args: []string{"preview", "shop"}, wantStdout: "restricted"},
		"preview -f":        {args: []string{"preview", "-f", "testdata/rollout.yaml"}, wantStdout: "audit=baseline"},
		"report":            {args: []string{"report"}, wantStdout: "Nothing violates restricted"},
		"explain":           {args: []string{"explain", "shop"}, wantStdout: "The operator is not installed in this cluster"},
		"labels":            {args: []string{"labels", "shop"}, wantCode: 2, wantStderr: "name the target with --level"},
		"labels of a level": {args: []string{"labels", "shop", "--level", "baseline"}, wantStdout: "pod-security.kubernetes.io/audit: baseline"},
		"status":            {args: []string{"status"}, wantCode: 2, wantStderr: "error: the operator is not installed in this cluster"},
		"status -w":         {args: []string{"status", "-w"}, wantCode: 2, wantStderr: "error: the operator is not installed in this cluster"},
		"approve":           {args: []string{"approve", "shop"}, wantCode: 2, wantStderr: "error: the operator is not installed in this cluster"},
		"suspend":           {args: []string{"suspend", "platform"}, wantCode: 2, wantStderr: "error: the operator is not installed in this cluster"},
		"no such namespace": {args: []string{"preview", "shpo"}, wantCode: 2, wantStderr: `there is no namespace "shpo": `},
		"no such level":     {args: []string{"preview", "--level", "strict"}, wantCode: 2, wantStderr: `--level "strict" is none of`},
		"no such version":   {args: []string{"preview", "--version", "1.37"}, wantCode: 2, wantStderr: "no version such as v1.37"},
		"no such format":    {args: []string{"report", "-o", "xml"}, wantCode: 2, wantStderr: `-o "xml" is none of table, json, csv, html`},
		"no such selector":  {args: []string{"preview", "-l", "a=b=c"}, wantCode: 2, wantStderr: "listing namespaces"},
		"no such file":      {args: []string{"preview", "-f", "none.yaml"}, wantCode: 2, wantStderr: "reading the rollout"},
		"completion":        {args: []string{"__complete", "explain", "sh"}, wantStdout: "shop\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := plugin(t, bare, test.args...)
			r.want(t, test.wantCode)
			wantWords(t, r.stdout, test.wantStdout)
			wantWords(t, r.stderr, test.wantStderr)
		})
	}
	t.Run("no cluster", func(t *testing.T) {
		r := runProgram(t, bare.Kubeconfig(), program, "preview", "--server", "https://127.0.0.1:1")
		r.want(t, 2)
		wantWords(t, r.stderr, "the API server cannot be reached")
	})
}

// TestRights has a user who may read one namespace and no more: that one is previewed, and of the others it is said which right is missing.
func TestRights(t *testing.T) {
	c := newClient(t, site)
	create(t, c, namespaceOf("rights", nil))
	create(t, c, crowd.Deployment("rights", "web", crowd.SpecAt("privileged"), 1)...)
	kubeconfig := bindRoles(t, c, "rights", "system:aggregate-to-view")
	some := runProgram(t, kubeconfig, program, "preview", "rights")
	wantWords(t, some.want(t, 0), "Deployment web")
	wantWords(t, some.stderr, "warning: you may not list objects of kind PodTemplate, so their pod templates are not judged")

	all := runProgram(t, kubeconfig, program, "preview")
	all.want(t, 2)
	wantWords(t, all.stderr, `cannot list resource "namespaces"`, "ask for that right, or name only namespaces that you may read")
	if strings.Contains(all.stdout, "web") {
		t.Errorf("something is shown all the same: %s", all.stdout)
	}
	approve := runProgram(t, kubeconfig, program, "approve", "rights")
	approve.want(t, 2)
	wantWords(t, approve.stderr, `reading the NamespaceRollout of namespace "rights"`, "forbidden")
}

// bindRoles answers the kubeconfig of a user who has these ClusterRoles in one namespace. The user has the namespace's name.
func bindRoles(t *testing.T, c client.Client, namespace string, roles ...string) (kubeconfig string) {
	t.Helper()
	for _, role := range roles {
		create(t, c, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: namespace}},
		})
	}
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, site.UserConfig(namespace)); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}
