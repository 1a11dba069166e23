// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/crowd"
	"github.com/podsecurity-rollout/operator/test/manifests"
)

// preview is what of the plugin's document is compared.
type preview struct {
	Namespaces []struct {
		Name      string
		Pods      int
		Meets     string
		HeldBelow *struct {
			Level     string
			Workloads []struct {
				Kind, Name string
				Violations []struct{ Check, Message, Source, Remedy string }
			}
		}
	}
}

// judgedByPlugin answers, by namespace, the reasons that the plugin holds against the pods there.
func judgedByPlugin(t *testing.T, document string) map[string][]string {
	t.Helper()
	var p preview
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		t.Fatal(err)
	}
	reasons := map[string][]string{}
	for _, ns := range p.Namespaces {
		if ns.HeldBelow == nil {
			continue
		}
		for _, w := range ns.HeldBelow.Workloads {
			for _, v := range w.Violations {
				if v.Source == "Pod" {
					reason, _, _ := strings.Cut(v.Message, " (")
					reasons[ns.Name] = append(reasons[ns.Name], reason)
				}
			}
		}
	}
	return distinct(reasons)
}

var (
	warningNamespace = regexp.MustCompile(`^Warning: existing pods in namespace "(.*)" violate the new PodSecurity enforce level`)
	warningPod       = regexp.MustCompile(`^Warning: [a-z0-9.-]+(?: \(and \d+ other pods?\))?: (.*)$`)
)

// judgedByServer answers the same of what the API server warns of in a dry run.
func judgedByServer(warnings string) map[string][]string {
	reasons, namespace := map[string][]string{}, ""
	for line := range strings.Lines(warnings) {
		line = strings.TrimRight(line, "\n")
		if m := warningNamespace.FindStringSubmatch(line); m != nil {
			namespace = m[1]
		} else if m := warningPod.FindStringSubmatch(line); m != nil {
			reasons[namespace] = append(reasons[namespace], strings.Split(m[1], ", ")...)
		}
	}
	return distinct(reasons)
}

func distinct(by map[string][]string) map[string][]string {
	for key, values := range by {
		slices.Sort(values)
		by[key] = slices.Compact(values)
	}
	return by
}

// dryRun is the command that the plugin is measured against.
func dryRun(t *testing.T, on *controlplane.ControlPlane, level string) result {
	t.Helper()
	return runProgram(t, on.Kubeconfig(), filepath.Join(controlplane.DefaultAssets(), "kubectl"),
		"label", "--dry-run=server", "--overwrite", "ns", "--all", "pod-security.kubernetes.io/enforce="+level)
}

// TestPreviewAgreesWithServer fills namespaces with pods of manifests that nobody wrote for this, and with upstream's own, and asks both: for every
// namespace the API server's dry run warns of what the plugin says, reason by reason.
func TestPreviewAgreesWithServer(t *testing.T) {
	site := newCluster(t)
	pods := fillWithCorpus(t, newClient(t, site), 60)
	for _, level := range []string{"baseline", "restricted"} {
		t.Run(level, func(t *testing.T) {
			server := dryRun(t, site, level)
			server.want(t, 0)
			want := judgedByServer(server.stderr)
			got := plugin(t, site, "preview", "--level", level, "-o", "json")
			got.want(t, 1)
			if diff := cmp.Diff(want, judgedByPlugin(t, got.stdout)); diff != "" {
				t.Errorf("by namespace (-API server +plugin):\n%s", diff)
			}
			if len(want) == 0 || len(want) >= pods {
				t.Errorf("of %d pods in as many namespaces at most the API server holds something against %d namespaces: no test", pods, len(want))
			}
		})
	}
}

// fillWithCorpus makes so many namespaces with the pods of real manifests, as pods, and answers how many pods the API server took.
func fillWithCorpus(t *testing.T, c client.Client, most int) int {
	t.Helper()
	corpus := map[string][]manifests.Workload{}
	for _, source := range []struct{ module, in, dir string }{
		{"k8s.io/kubernetes", filepath.Join("..", "..", "hack", "controlplane"), "cluster/addons"},
		{"k8s.io/pod-security-admission", ".", "test/testdata/baseline/v1.37"},
		{"k8s.io/pod-security-admission", ".", "test/testdata/restricted/v1.37"},
	} {
		dir, err := manifests.ModuleDir(t.Context(), source.module, source.in)
		if err != nil {
			t.Fatal(err)
		}
		files, err := manifests.Under(filepath.Join(dir, filepath.FromSlash(source.dir)))
		if err != nil {
			t.Fatal(err)
		}
		for path, list := range files {
			corpus[source.dir+path] = list
		}
	}
	paths := slices.Sorted(maps.Keys(corpus))
	step, taken := max(1, len(paths)/most), 0
	for n := 0; n < len(paths); n += step {
		namespace := fmt.Sprintf("corpus-%03d", n)
		create(t, c, namespaceOf(namespace, nil))
		for i, workload := range corpus[paths[n]] {
			template, err := workload.Template()
			if err != nil {
				t.Fatal(err)
			}
			pod := &corev1.Pod{
				// Names are unique in the cluster: kubectl prints equal warnings once.
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d", namespace, i), Annotations: template.Annotations},
				Spec:       template.Spec,
			}
			pod.Spec.PriorityClassName, pod.Spec.RestartPolicy = "", ""
			if err := c.Create(t.Context(), pod); err != nil {
				t.Logf("the API server does not take %s of %s: %v", workload, paths[n], err)
				continue
			}
			taken++
		}
	}
	return taken
}

// scaleEnv has the tests run that take minutes.
const scaleEnv = "PLUGIN_SCALE"

// TestPreviewScale measures the plugin beside the server's dry run of all namespaces, of one level, on a cluster of 1,000 namespaces and 15,000 pods: it
// takes no longer for both levels and templates, and at most 200 MB.
func TestPreviewScale(t *testing.T) {
	if os.Getenv(scaleEnv) == "" {
		t.Skipf("it takes minutes: set %s=1", scaleEnv)
	}
	const namespaces, pods, runs, mostMemory = 1000, 15, 5, 200 << 20
	site := newCluster(t)
	if err := crowd.Fill(t.Context(), newClient(t, site), namespaces, pods); err != nil {
		t.Fatal(err)
	}

	server := judgedByServer(dryRun(t, site, "baseline").stderr)
	got := plugin(t, site, "preview", "--level", "baseline", "-o", "json")
	if diff := cmp.Diff(server, judgedByPlugin(t, got.stdout)); diff != "" {
		t.Errorf("by namespace (-API server +plugin):\n%s", diff)
	}
	var ours, theirs []time.Duration
	var peak int64
	for range runs {
		r := plugin(t, site, "preview")
		r.want(t, 0)
		ours, peak = append(ours, r.took), max(peak, r.peak)
		theirs = append(theirs, dryRun(t, site, "baseline").took)
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	ratio := ours[runs/2].Seconds() / theirs[runs/2].Seconds()
	t.Logf("%d namespaces, %d pods: preview %v, kubectl label --dry-run=server %v, ratio %.2f; peak memory %d MB",
		namespaces, namespaces*pods, ours[runs/2], theirs[runs/2], ratio, peak>>20)
	if ratio > 1 {
		t.Errorf("preview takes %.2f times as long as the dry run", ratio)
	}
	if peak > mostMemory {
		t.Errorf("preview takes %d MB", peak>>20)
	}
}
