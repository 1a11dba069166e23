// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
	"github.com/podsecurity-rollout/operator/test/controlplane"
	"github.com/podsecurity-rollout/operator/test/crowd"
	"github.com/podsecurity-rollout/operator/test/e2e/await"
)

const (
	// scaleEnv has TestFootprint run, with so many namespaces.
	scaleEnv = "INSTALL_SCALE"
	// podsEach are the pods in each of them.
	podsEach = 15
	// settled is how long a climb of thousands of namespaces may take, idle how long
	// the operator is looked at when it is over.
	settled, idle = 20 * time.Minute, 30 * time.Second
	// scrapes are how often its metrics are read.
	scrapes = 10
)

// TestFootprint measures the memory and the CPU of the operator in a cluster of many
// namespaces: until it is ready, while all climb, when all have, while its metrics
// are read and while pods are replaced. Its memory stays below the limit that its Deployment has.
func TestFootprint(t *testing.T) {
	if os.Getenv(scaleEnv) == "" {
		t.Skipf("it takes minutes: set %s to a number of namespaces, such as 1000", scaleEnv)
	}
	namespaces, err := strconv.Atoi(os.Getenv(scaleEnv))
	if err != nil {
		t.Fatalf("reading %s: %v", scaleEnv, err)
	}
	need(t)
	limit := memoryLimit(t)
	t.Setenv("GOMEMLIMIT", strconv.FormatInt(limit, 10)) // as the Deployment sets it
	s := ownSite(t, controlplane.Options{})
	s.apply(t, nil, "-k", defaults)
	if err := crowd.Fill(t.Context(), s.admin, namespaces, podsEach); err != nil {
		t.Fatal(err)
	}
	probes, metrics := freeAddress(t), freeAddress(t)
	o := s.runOperator(t, "footprint", "--leader-elect", "--leader-election-namespace="+operatorNamespace,
		"--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics, "--metrics-secure=false")
	u := usage{operator: o, began: time.Now()}

	await.Until(t, settled, func() error { return answers(t.Context(), "http://"+probes+"/readyz") })
	u.log(t, fmt.Sprintf("%d namespaces, %d pods: ready", namespaces, namespaces*podsEach))
	s.create(t, quickRollout())
	await.Until(t, settled, func() error { return s.atRest(t.Context(), namespaces) })
	u.log(t, "climbed")
	await.Throughout(t, idle, o.running)
	u.log(t, "idle")
	for range scrapes {
		if err := answers(t.Context(), "http://"+metrics+"/metrics"); err != nil {
			t.Fatal(err)
		}
	}
	u.log(t, "scraped")
	s.replacePods(t)
	peak := u.log(t, "pods replaced")
	if peak > limit {
		t.Errorf("it had %d MiB, its limit is %d MiB", peak>>20, limit>>20)
	}
}

// memoryLimit is that of the Deployment, in bytes.
func memoryLimit(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "config", "manager", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := yaml.UnmarshalStrict(data, &d); err != nil {
		t.Fatal(err)
	}
	return d.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().Value()
}

// quickRollout has every namespace climb as far as it can, all at once.
func quickRollout() *v1alpha1.PodSecurityRollout {
	rollout := rolloutOf("all", v1alpha1.LevelBaseline)
	rollout.Spec.Targets[0].NamespaceSelector = &v1alpha1.NamespaceSelector{}
	rollout.Spec.Targets[0].Audit, rollout.Spec.Targets[0].Warn = v1alpha1.LevelRestricted, v1alpha1.LevelRestricted
	rollout.Spec.Strategy = &v1alpha1.Strategy{
		Audit:   &v1alpha1.ModeStrategy{Require: v1alpha1.RequirementNone},
		Enforce: &v1alpha1.EnforceStrategy{Bake: lasting(time.Second)},
		Budgets: []v1alpha1.Budget{{Namespaces: "100%"}},
	}
	return rollout
}

// atRest errs while a namespace of the rollout can still move by itself.
func (s *site) atRest(ctx context.Context, namespaces int) error {
	rollout := &v1alpha1.PodSecurityRollout{}
	if err := s.admin.Get(ctx, client.ObjectKey{Name: "all"}, rollout); err != nil {
		return err
	}
	counts := rollout.Status.Namespaces
	if counts == nil || int(counts.Selected) < namespaces || counts.Progressing > 0 || counts.Inconclusive > 0 {
		return fmt.Errorf("the namespaces are %+v", counts)
	}
	return nil
}

// replacePods makes every fiftieth pod anew, as a rollout of their Deployments would.
func (s *site) replacePods(t *testing.T) {
	t.Helper()
	var pods corev1.PodList
	if err := s.admin.List(t.Context(), &pods); err != nil {
		t.Fatal(err)
	}
	now := int64(0)
	for i := 0; i < len(pods.Items); i += 50 {
		pod := &pods.Items[i]
		if err := s.admin.Delete(t.Context(), pod, &client.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			t.Fatal(err)
		}
		pod.UID, pod.ResourceVersion = "", ""
		s.create(t, pod)
	}
}

// usage is what the operator has used since the line before.
type usage struct {
	*operator
	began time.Time
	cpu   float64
}

// log writes a line, and answers the most memory that the operator had so far.
func (u *usage) log(t *testing.T, what string) int64 {
	t.Helper()
	process, err := procfs.NewProc(u.process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := process.Stat()
	if err != nil {
		t.Fatal(err)
	}
	status, err := process.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	took, cpu := time.Since(u.began), stat.CPUTime()
	t.Logf("%s: %.1f s, CPU %.2f s (%.0fm); memory %d MiB of its own, peak %d MiB in all",
		what, took.Seconds(), cpu-u.cpu, 1000*(cpu-u.cpu)/took.Seconds(), status.RssAnon>>20, status.VmHWM>>20)
	u.began, u.cpu = time.Now(), cpu
	return int64(status.VmHWM)
}

// running errs when it has ended.
func (o *operator) running() error {
	select {
	case <-o.ended:
		return errors.New("the operator has ended")
	default:
		return nil
	}
}

// freeAddress answers a loopback address that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := controlplane.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// answers errs unless the URL is answered by 200, whatever the text.
func answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
