// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	psaapi "k8s.io/pod-security-admission/api"
)

// verdict is what a level holds against the pods of a namespace: whether any
// violates it, and for which reasons, sorted.
type verdict struct {
	Violating bool
	Reasons   []string
}

// podWarning is one of the API server's lines about pods: the first of them, how
// many others there are, and the reasons.
var podWarning = regexp.MustCompile(`^[a-z0-9.-]+(?: \(and \d+ other pods?\))?: (.+)$`)

// serverVerdict asks the API server for a dry run of enforcing a level. The
// namespace must not enforce that level or a stricter one yet: nothing would be
// looked at.
func (e *environment) serverVerdict(ctx context.Context, namespace string, lv psaapi.LevelVersion) (verdict, error) {
	var warnings warningList
	cfg := rest.CopyConfig(e.Config())
	cfg.WarningHandler = &warnings
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return verdict{}, err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{
		psaapi.EnforceLevelLabel: string(lv.Level), psaapi.EnforceVersionLabel: lv.Version.String(),
	}}})
	if err != nil {
		return verdict{}, err
	}
	_, err = client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	for _, text := range warnings {
		if strings.HasPrefix(text, "existing pods in namespace ") {
			v.Violating = true
		} else if m := podWarning.FindStringSubmatch(text); m != nil {
			v.Reasons = append(v.Reasons, strings.Split(m[1], ", ")...)
		} else {
			return verdict{}, fmt.Errorf("the API server warns of something else than pods: %s", text)
		}
	}
	slices.Sort(v.Reasons)
	v.Reasons = slices.Compact(v.Reasons)
	return v, nil
}

// warningList takes the warnings of responses.
type warningList []string

// HandleWarningHeader implements rest.WarningHandler.
func (l *warningList) HandleWarningHeader(_ int, _ string, text string) {
	*l = append(*l, text)
}
