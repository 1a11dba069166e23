// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// The constant behind NewestVersion follows the library that go.mod requires.
func TestNewestVersionIsTheLibrarys(t *testing.T) {
	gomod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	requirement := regexp.MustCompile(`(?m)^(?:require)?\s+k8s\.io/pod-security-admission v0\.(\d+)\.`).FindSubmatch(gomod)
	if requirement == nil {
		t.Fatal("go.mod does not require k8s.io/pod-security-admission")
	}
	if got, want := fmt.Sprint(newestMinor), string(requirement[1]); got != want {
		t.Errorf("newestMinor is %s, go.mod requires k8s.io/pod-security-admission v0.%s: set newestMinor to %s", got, want, want)
	}
}

func TestNewestVersionIsNoOlderThanAnyCheck(t *testing.T) {
	newest := NewestVersion()
	for _, check := range policy.DefaultChecks() {
		for _, revision := range check.Versions {
			if newest.Older(revision.MinimumVersion) {
				t.Errorf("check %s has a revision for %s, newer than %s", check.ID, revision.MinimumVersion.String(), newest.String())
			}
		}
	}
}

func TestVersions(t *testing.T) {
	versions := Versions()
	first, last := versions[0], versions[len(versions)-1]
	if first.String() != "v1.0" || last != NewestVersion() || len(versions) != newestMinor+1 {
		t.Errorf("Versions() = %d from %s to %s", len(versions), first.String(), last.String())
	}
}

func TestEffective(t *testing.T) {
	tests := map[string]struct {
		lv     string
		server psaapi.Version
		want   string
	}{
		"latest is the server's own":           {"baseline:latest", psaapi.MajorMinorVersion(1, 35), "baseline:v1.35"},
		"newer is the server's own":            {"restricted:v1.37", psaapi.MajorMinorVersion(1, 35), "restricted:v1.35"},
		"the server's own stays":               {"baseline:v1.35", psaapi.MajorMinorVersion(1, 35), "baseline:v1.35"},
		"older stays":                          {"baseline:v1.9", psaapi.MajorMinorVersion(1, 35), "baseline:v1.9"},
		"a server newer than the library":      {"baseline:latest", psaapi.MajorMinorVersion(1, 99), "baseline:v1.99"},
		"a server that does not say its minor": {"baseline:latest", psaapi.LatestVersion(), "baseline:latest"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Effective(mustLevelVersion(t, tc.lv), tc.server).String(); got != tc.want {
				t.Errorf("Effective() = %s, want %s", got, tc.want)
			}
		})
	}
}

// What Effective answers is what upstream's evaluator evaluates under emulation.
func TestEffectiveIsWhatUpstreamEvaluates(t *testing.T) {
	spec := restrictedSpec(withProbeHost, withSysctl("net.ipv4.tcp_rmem"))
	e := mustEvaluator(t)
	for _, server := range Versions() {
		upstream, err := policy.NewEvaluator(policy.DefaultChecks(), &server)
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range append(Versions(), psaapi.LatestVersion()) {
			lv := psaapi.LevelVersion{Level: psaapi.LevelBaseline, Version: asked}
			aggregate := policy.AggregateCheckResults(upstream.EvaluatePod(lv, &metav1.ObjectMeta{}, spec))
			var messages []string
			for _, finding := range e.Evaluate(Effective(lv, server), nil, spec) {
				messages = append(messages, finding.Message())
			}
			if got, want := strings.Join(messages, ", "), aggregate.ForbiddenDetail(); got != want {
				t.Fatalf("%s on a server of %s: %q, upstream %q", lv.String(), server.String(), got, want)
			}
		}
	}
}

func TestParseLevelVersion(t *testing.T) {
	tests := map[string]struct {
		in      string
		wantErr string
	}{
		"a version":        {"baseline:v1.37", ""},
		"latest":           {"restricted:latest", ""},
		"privileged":       {"privileged:v1.0", ""},
		"empty":            {"", "must be <level>:<version>"},
		"no version":       {"baseline", "must be <level>:<version>"},
		"unknown level":    {"strict:v1.37", "must be one of"},
		"unknown version":  {"baseline:1.37", `must be "latest" or "v1.x"`},
		"too many parts":   {"baseline:v1.37:x", `must be "latest" or "v1.x"`},
		"space is no part": {"baseline: v1.37", `must be "latest" or "v1.x"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseLevelVersion(tc.in)
			switch {
			case tc.wantErr == "" && (err != nil || got.String() != tc.in):
				t.Errorf("ParseLevelVersion(%q) = %s, %v", tc.in, got.String(), err)
			case tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr) || got != psaapi.LevelVersion{}):
				t.Errorf("ParseLevelVersion(%q) = %s, %v, want an error with %q", tc.in, got.String(), err, tc.wantErr)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, level := range []psaapi.Level{psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted} {
		for _, version := range append(Versions(), psaapi.LatestVersion()) {
			lv := psaapi.LevelVersion{Level: level, Version: version}
			if got, want := Text(lv), lv.String(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}
