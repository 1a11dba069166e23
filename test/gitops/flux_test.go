// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

// expressions are what a Kustomization of Flux judges one kind by.
type expressions struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// TestFlux has the expressions of config/gitops/flux judge every state: they wait
// for the target.
func TestFlux(t *testing.T) {
	var kustomization struct {
		Spec struct {
			Exprs []expressions `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(root, "config", "gitops", "flux", "flux-kustomization.yaml"))), &kustomization); err != nil {
		t.Fatal(err)
	}
	of := map[string]expressions{}
	for _, e := range kustomization.Spec.Exprs {
		if e.APIVersion != v1alpha1.GroupVersion.String() {
			t.Errorf("%s is of %s, want %s", e.Kind, e.APIVersion, v1alpha1.GroupVersion)
		}
		of[e.Kind] = e
	}
	for name, s := range states() {
		t.Run(name, func(t *testing.T) {
			object := asServed(t, s.object)
			if got := of[object.GetKind()].judge(t, object); got != s.complete {
				t.Errorf("%s, want %s of\n%v", got, s.complete, object.Object["status"])
			}
		})
	}
}

// judge is what Flux does (fluxcd/pkg, runtime/cel, StatusEvaluator): a
// generation that was not looked at is in progress, then the first expression
// counts that is true, in this order, and nothing else is current.
func (e expressions) judge(t *testing.T, object *unstructured.Unstructured) status.Status {
	t.Helper()
	observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err == nil && found && observed != object.GetGeneration() {
		return status.InProgressStatus
	}
	for _, of := range []struct {
		expression string
		means      status.Status
	}{{e.InProgress, status.InProgressStatus}, {e.Failed, status.FailedStatus}, {e.Current, status.CurrentStatus}} {
		if of.expression != "" && isTrue(t, of.expression, object) {
			return of.means
		}
	}
	return status.InProgressStatus
}

// isTrue evaluates an expression in the environment of Flux, which only parses
// it: what it names are the fields of the object.
func isTrue(t *testing.T, expression string, object *unstructured.Unstructured) bool {
	t.Helper()
	env, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders(),
	)
	if err != nil {
		t.Fatal(err)
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		t.Fatalf("parsing %q: %v", expression, issues.Err())
	}
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		t.Fatalf("compiling %q: %v", expression, err)
	}
	value, _, err := program.Eval(object.Object)
	if err != nil {
		t.Fatalf("evaluating %q: %v", expression, err)
	}
	answer, ok := value.(types.Bool)
	if !ok {
		t.Fatalf("%q answers %v, want true or false", expression, value)
	}
	return bool(answer)
}

// TestDocs finds every line of the YAML that docs/gitops.md shows in a file of
// config/gitops, in the same order.
func TestDocs(t *testing.T) {
	files := []string{filepath.Join(argocd, "application.yaml"), filepath.Join(root, "config", "gitops", "flux", "flux-kustomization.yaml")}
	blocks := strings.Split(read(t, filepath.Join(root, "docs", "gitops.md")), "```yaml\n")[1:]
	if len(blocks) != len(files) {
		t.Errorf("it shows %d blocks of YAML, want one of each of %v", len(blocks), files)
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if !slices.ContainsFunc(files, func(file string) bool { return shows(read(t, file), block) }) {
			t.Errorf("none of %v has\n%s", files, block)
		}
	}
}

// shows is whether the lines of a block are lines of a file in this order, others
// between them; indentation does not count.
func shows(file, block string) bool {
	lines := strings.Split(strings.TrimSpace(block), "\n")
	for line := range strings.Lines(file) {
		if len(lines) > 0 && strings.TrimSpace(line) == strings.TrimSpace(lines[0]) {
			lines = lines[1:]
		}
	}
	return len(lines) == 0
}

// TestApplication holds the Application of config/gitops/argocd against the field
// manager that the operator writes by.
func TestApplication(t *testing.T) {
	var application struct {
		Spec struct {
			IgnoreDifferences []struct {
				Group    string   `json:"group"`
				Kind     string   `json:"kind"`
				Managers []string `json:"managedFieldsManagers"`
			} `json:"ignoreDifferences"`
			SyncPolicy struct {
				Options []string `json:"syncOptions"`
			} `json:"syncPolicy"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(argocd, "application.yaml"))), &application); err != nil {
		t.Fatal(err)
	}
	ignored := application.Spec.IgnoreDifferences
	if len(ignored) != 1 || ignored[0].Group != "" || ignored[0].Kind != "Namespace" || len(ignored[0].Managers) != 1 || ignored[0].Managers[0] != v1alpha1.FieldManager {
		t.Errorf("it ignores the differences %+v, want what %s has set of a Namespace", ignored, v1alpha1.FieldManager)
	}
	for _, option := range []string{"ServerSideApply=true", "RespectIgnoreDifferences=true"} {
		if !slices.Contains(application.Spec.SyncPolicy.Options, option) {
			t.Errorf("its syncOptions are %v, want %s", application.Spec.SyncPolicy.Options, option)
		}
	}
}
