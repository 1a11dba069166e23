// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

const latestVersion = "podsecurity-rollout-latest-version"

// warned keeps the warnings of the policy.
type warned struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warned) HandleWarningHeader(_ int, _, text string) {
	if strings.Contains(text, latestVersion) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.texts = append(w.texts, text)
	}
}

func (w *warned) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.texts, "\n")
	w.texts = nil
	return all
}

// rolloutOf answers a rollout in mode Observe with a target for each version. It
// selects nothing.
func rolloutOf(versions ...v1alpha1.Version) *v1alpha1.PodSecurityRollout {
	r := &v1alpha1.PodSecurityRollout{ObjectMeta: metav1.ObjectMeta{Name: "latest-" + strings.ToLower(rand.Text()[:10])}}
	r.Spec.Mode = v1alpha1.RolloutModeObserve
	for i, version := range versions {
		r.Spec.Targets = append(r.Spec.Targets, v1alpha1.Target{
			Name: fmt.Sprintf("t%d", i), Enforce: v1alpha1.LevelBaseline, Version: version,
			NamespaceSelector: &v1alpha1.NamespaceSelector{MatchLabels: map[string]string{"selects": "nothing"}},
		})
	}
	return r
}

// change is one request on a rollout.
type change func(context.Context, client.Client, *v1alpha1.PodSecurityRollout) error

func createRollout(ctx context.Context, c client.Client, r *v1alpha1.PodSecurityRollout) error {
	return c.Create(ctx, r)
}

func patchRollout(text string, options ...client.PatchOption) change {
	return func(ctx context.Context, c client.Client, r *v1alpha1.PodSecurityRollout) error {
		return c.Patch(ctx, r, client.RawPatch(types.JSONPatchType, []byte(text)), options...)
	}
}

func to(versions ...v1alpha1.Version) change {
	return func(ctx context.Context, c client.Client, r *v1alpha1.PodSecurityRollout) error {
		r.Spec.Targets = rolloutOf(versions...).Spec.Targets
		return c.Update(ctx, r)
	}
}

func rolloutStatus(ctx context.Context, c client.Client, r *v1alpha1.PodSecurityRollout) error {
	return c.Status().Patch(ctx, r, client.RawPatch(types.MergePatchType, []byte(`{"status":{"clusterVersion":"v1.37"}}`)))
}

func deleteRollout(ctx context.Context, c client.Client, r *v1alpha1.PodSecurityRollout) error {
	return c.Delete(ctx, r)
}

func createDry(ctx context.Context, c client.Client, r *v1alpha1.PodSecurityRollout) error {
	return c.Create(ctx, r, client.DryRunAll)
}

const setVersion = `[{"op":"add","path":"/spec/targets/0/version","value":"%s"}]`

const latest, own, pin, none = v1alpha1.VersionLatest, v1alpha1.VersionCluster, v1alpha1.Version("v1.37"), v1alpha1.Version("")

// rolloutWrites are ways to write a rollout, and what is warned of.
var rolloutWrites = map[string]struct {
	// before is created first, by the admin, unless it is nil.
	before []v1alpha1.Version
	made   []v1alpha1.Version
	change change
	want   string
}{
	"created with latest":             {made: []v1alpha1.Version{latest}, change: createRollout, want: "in target t0"},
	"the second of two":               {made: []v1alpha1.Version{own, latest}, change: createRollout, want: "in target t1"},
	"the first of two":                {made: []v1alpha1.Version{latest, pin}, change: createRollout, want: "in target t0"},
	"both":                            {made: []v1alpha1.Version{latest, latest}, change: createRollout, want: "in targets t0, t1"},
	"two of three":                    {made: []v1alpha1.Version{latest, none, latest}, change: createRollout, want: "in targets t0, t2"},
	"all of four":                     {made: []v1alpha1.Version{latest, latest, latest, latest}, change: createRollout, want: "in targets t0, t1, t2, t3"},
	"created with latest, dry":        {made: []v1alpha1.Version{latest}, change: createDry, want: "in target t0"},
	"none to latest":                  {before: []v1alpha1.Version{none}, change: to(latest), want: "in target t0"},
	"Cluster to latest":               {before: []v1alpha1.Version{own}, change: to(latest), want: "in target t0"},
	"a pin to latest":                 {before: []v1alpha1.Version{pin}, change: to(latest), want: "in target t0"},
	"latest stays":                    {before: []v1alpha1.Version{latest}, change: patchRollout(`[{"op":"add","path":"/spec/suspend","value":true}]`), want: "in target t0"},
	"a pin patched to latest":         {before: []v1alpha1.Version{pin}, change: patchRollout(fmt.Sprintf(setVersion, latest)), want: "in target t0"},
	"patched to latest, dry":          {before: []v1alpha1.Version{pin}, change: patchRollout(fmt.Sprintf(setVersion, latest), client.DryRunAll), want: "in target t0"},
	"a target with latest joins":      {before: []v1alpha1.Version{pin}, change: to(pin, latest), want: "in target t1"},
	"one of two leaves, latest stays": {before: []v1alpha1.Version{latest, latest}, change: to(latest, pin), want: "in target t0"},
	"a label changes, latest stays":   {before: []v1alpha1.Version{latest}, change: patchRollout(`[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`), want: "in target t0"},

	"created with Cluster":          {made: []v1alpha1.Version{own}, change: createRollout},
	"created with a pin":            {made: []v1alpha1.Version{pin}, change: createRollout},
	"created with none":             {made: []v1alpha1.Version{none}, change: createRollout},
	"created with many":             {made: []v1alpha1.Version{own, pin, none, "v1.0"}, change: createRollout},
	"created with a pin, dry":       {made: []v1alpha1.Version{pin}, change: createDry},
	"latest to a pin":               {before: []v1alpha1.Version{latest}, change: to(pin)},
	"latest to Cluster":             {before: []v1alpha1.Version{latest}, change: to(own)},
	"latest to none":                {before: []v1alpha1.Version{latest}, change: to(none)},
	"latest patched to a pin":       {before: []v1alpha1.Version{latest}, change: patchRollout(fmt.Sprintf(setVersion, pin))},
	"latest removed by a patch":     {before: []v1alpha1.Version{latest}, change: patchRollout(`[{"op":"remove","path":"/spec/targets/0/version"}]`)},
	"the target with latest leaves": {before: []v1alpha1.Version{pin, latest}, change: to(pin)},
	"a pin to another":              {before: []v1alpha1.Version{pin}, change: to("v1.36")},
	"the status of one with latest": {before: []v1alpha1.Version{latest}, change: rolloutStatus},
	"the status of one without":     {before: []v1alpha1.Version{pin}, change: rolloutStatus},
	"one with latest deleted":       {before: []v1alpha1.Version{latest}, change: deleteRollout},
	"one without deleted":           {before: []v1alpha1.Version{pin}, change: deleteRollout},
}

// TestLatestVersion has rollouts written with and without latest, in every way
// that a rollout is written. None is refused.
func TestLatestVersion(t *testing.T) {
	need(t)
	for name, test := range rolloutWrites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var heard warned
			user, err := newClient(cluster.UserConfig("alice", "system:masters"), &heard)
			if err != nil {
				t.Fatal(err)
			}
			r := rolloutOf(test.made...)
			if test.before != nil {
				r = rolloutOf(test.before...)
				if err := admin.Create(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.change(t.Context(), user, r); err != nil {
				t.Fatalf("want a warning at most, got: %v", err)
			}
			switch got := heard.take(); {
			case test.want == "" && got != "":
				t.Errorf("want no warning, got %q", got)
			case !strings.HasSuffix(got, test.want):
				t.Errorf("want a warning that ends in %q, got %q", test.want, got)
			}
		})
	}
}
