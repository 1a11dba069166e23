// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	psaapi "k8s.io/pod-security-admission/api"
	"pgregory.net/rapid"

	"github.com/podsecurity-rollout/operator/api/v1alpha1"
)

var server = psaapi.MajorMinorVersion(1, 37)

func lv(t interface{ Fatalf(string, ...any) }, s string) psaapi.LevelVersion {
	level, version, _ := strings.Cut(s, ":")
	l, err := psaapi.ParseLevel(level)
	if err != nil {
		t.Fatalf("level of %q: %v", s, err)
	}
	v, err := psaapi.ParseVersion(version)
	if err != nil {
		t.Fatalf("version of %q: %v", s, err)
	}
	return psaapi.LevelVersion{Level: l, Version: v}
}

// policy reads "enforce warn audit", each as level:version.
func policy(t interface{ Fatalf(string, ...any) }, s string) psaapi.Policy {
	f := strings.Fields(s)
	return psaapi.Policy{Enforce: lv(t, f[0]), Warn: lv(t, f[1]), Audit: lv(t, f[2])}
}

const unlabelled = "privileged:latest privileged:latest privileged:latest"

var remainingTests = map[string]struct {
	inForce, target string
	want            []string
}{
	"from nothing to baseline with restricted warnings": {
		unlabelled, "baseline:v1.37 restricted:v1.37 restricted:v1.37",
		[]string{"audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37", "audit=restricted:v1.37", "warn=restricted:v1.37"},
	},
	"from nothing to restricted": {
		unlabelled, "restricted:v1.37 restricted:v1.37 restricted:v1.37",
		[]string{
			"audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37",
			"audit=restricted:v1.37", "warn=restricted:v1.37", "enforce=restricted:v1.37",
		},
	},
	"reached": {
		"baseline:v1.37 restricted:v1.37 restricted:v1.37", "baseline:v1.37 restricted:v1.37 restricted:v1.37", nil,
	},
	"privileged target asks nothing": {
		unlabelled, "privileged:v1.37 privileged:v1.37 privileged:v1.37", nil,
	},
	"stricter than the target stays": {
		"restricted:v1.37 restricted:v1.37 restricted:v1.37", "baseline:v1.37 baseline:v1.37 baseline:v1.37", nil,
	},
	"newer than the target stays": {
		"baseline:v1.37 baseline:v1.37 baseline:v1.37", "baseline:v1.34 baseline:v1.34 baseline:v1.34", nil,
	},
	"a lowered label is climbed again": {
		"baseline:v1.37 privileged:latest baseline:v1.37", "baseline:v1.37 baseline:v1.37 baseline:v1.37",
		[]string{"warn=baseline:v1.37"},
	},
	"version after a cluster upgrade, one level": {
		"baseline:v1.36 baseline:v1.36 baseline:v1.36", "baseline:v1.37 baseline:v1.37 baseline:v1.37",
		[]string{"audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37"},
	},
	"version after a cluster upgrade, mixed levels: enforce is still last": {
		"baseline:v1.36 restricted:v1.36 restricted:v1.36", "baseline:v1.37 restricted:v1.37 restricted:v1.37",
		[]string{"audit=restricted:v1.37", "warn=restricted:v1.37", "enforce=baseline:v1.37"},
	},
	"a stricter warn set by hand does not hold back the first enforce rung": {
		"privileged:latest restricted:latest restricted:latest", "baseline:v1.37 restricted:v1.37 restricted:v1.37",
		[]string{"enforce=baseline:v1.37", "audit=restricted:v1.37", "warn=restricted:v1.37"},
	},
	"latest is pinned to the server's own version": {
		"baseline:latest baseline:latest baseline:latest", "baseline:v1.37 baseline:v1.37 baseline:v1.37",
		[]string{"audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37"},
	},
	"latest is not taken down to an older pin": {
		"baseline:latest baseline:latest baseline:latest", "baseline:v1.30 baseline:v1.30 baseline:v1.30", nil,
	},
	"latest asked for is written": {
		"baseline:v1.37 baseline:v1.37 baseline:v1.37", "baseline:latest baseline:latest baseline:latest",
		[]string{"audit=baseline:latest", "warn=baseline:latest", "enforce=baseline:latest"},
	},
	"latest asked for, one level up": {
		"baseline:latest baseline:latest baseline:latest", "restricted:latest restricted:latest restricted:latest",
		[]string{"audit=restricted:latest", "warn=restricted:latest", "enforce=restricted:latest"},
	},
	"one level up never goes to an older version": {
		"baseline:v1.37 baseline:v1.37 baseline:v1.37", "restricted:v1.34 restricted:v1.34 restricted:v1.34",
		[]string{"audit=restricted:v1.37", "warn=restricted:v1.37", "enforce=restricted:v1.37"},
	},
	"one level up from latest to an older pin keeps the server's version": {
		"baseline:latest baseline:latest baseline:latest", "restricted:v1.34 restricted:v1.34 restricted:v1.34",
		[]string{"audit=restricted:v1.37", "warn=restricted:v1.37", "enforce=restricted:v1.37"},
	},
	"one level up from an older version takes the target's": {
		"baseline:v1.30 baseline:v1.30 baseline:v1.30", "restricted:v1.37 restricted:v1.37 restricted:v1.37",
		[]string{"audit=restricted:v1.37", "warn=restricted:v1.37", "enforce=restricted:v1.37"},
	},
	"the version of privileged means nothing": {
		"privileged:v1.40 privileged:v1.40 privileged:v1.40", "baseline:v1.37 baseline:v1.37 baseline:v1.37",
		[]string{"audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37"},
	},
	"enforce set alone: audit and warn catch up, enforce is pinned last": {
		"baseline:v1.30 baseline:v1.30 privileged:latest", "baseline:v1.37 baseline:v1.37 baseline:v1.37",
		[]string{"audit=baseline:v1.37", "warn=baseline:v1.37", "enforce=baseline:v1.37"},
	},
}

func TestRemaining(t *testing.T) {
	for name, tc := range remainingTests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range Remaining(policy(t, tc.inForce), policy(t, tc.target), server) {
				got = append(got, r.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rungs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for name, tc := range map[string]struct {
		inForce, target string
		want            []string
	}{
		"both levels on the way": {
			unlabelled, "baseline:v1.37 restricted:v1.37 restricted:v1.37", []string{"baseline:v1.37", "restricted:v1.37"},
		},
		"the target's own when reached": {
			"baseline:v1.37 restricted:v1.37 restricted:v1.37", "baseline:v1.37 restricted:v1.37 restricted:v1.37",
			[]string{"baseline:v1.37", "restricted:v1.37"},
		},
		"none for privileged": {unlabelled, "privileged:v1.37 privileged:v1.37 privileged:v1.37", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range Levels(policy(t, tc.inForce), policy(t, tc.target), server) {
				got = append(got, l.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("levels (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAhead(t *testing.T) {
	for name, tc := range map[string]struct {
		inForce, target string
		want            []v1alpha1.Mode
	}{
		"at the target":             {"baseline:v1.37 baseline:v1.37 baseline:v1.37", "baseline:v1.37 baseline:v1.37 baseline:v1.37", nil},
		"behind the target":         {unlabelled, "baseline:v1.37 baseline:v1.37 baseline:v1.37", nil},
		"stricter":                  {"restricted:v1.37 baseline:v1.37 baseline:v1.37", "baseline:v1.37 baseline:v1.37 baseline:v1.37", []v1alpha1.Mode{"enforce"}},
		"newer":                     {"baseline:v1.37 baseline:v1.36 baseline:v1.37", "baseline:v1.36 baseline:v1.36 baseline:v1.36", []v1alpha1.Mode{"audit", "enforce"}},
		"latest over an older pin":  {"baseline:latest baseline:v1.36 baseline:v1.36", "baseline:v1.36 baseline:v1.36 baseline:v1.36", []v1alpha1.Mode{"enforce"}},
		"latest is the server's":    {"baseline:latest baseline:v1.37 baseline:v1.37", "baseline:v1.37 baseline:v1.37 baseline:v1.37", nil},
		"privileged has no version": {unlabelled, "privileged:v1.30 privileged:v1.30 privileged:v1.30", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Ahead(policy(t, tc.inForce), policy(t, tc.target), server)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("modes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTargetPolicy(t *testing.T) {
	for name, tc := range map[string]struct {
		target  v1alpha1.Target
		want    string
		wantErr string
	}{
		"warn and audit follow enforce": {
			v1alpha1.Target{Enforce: "baseline", Version: "Cluster"}, "baseline:v1.37 baseline:v1.37 baseline:v1.37", "",
		},
		"each mode its own level": {
			v1alpha1.Target{Enforce: "privileged", Warn: "baseline", Audit: "restricted", Version: "v1.30"},
			"privileged:v1.30 baseline:v1.30 restricted:v1.30", "",
		},
		"latest as asked": {
			v1alpha1.Target{Enforce: "baseline", Version: "latest"}, "baseline:latest baseline:latest baseline:latest", "",
		},
		"no version is the cluster's": {
			v1alpha1.Target{Enforce: "baseline"}, "baseline:v1.37 baseline:v1.37 baseline:v1.37", "",
		},
		"bad version": {v1alpha1.Target{Name: "a", Enforce: "baseline", Version: "v2"}, "", `target "a": version "v2" must be`},
		"bad level":   {v1alpha1.Target{Name: "a", Enforce: "strict"}, "", `level "strict" must be`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := TargetPolicy(tc.target, server)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := policy(t, tc.want); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// Whatever is in force and whatever is the target, the climb ends, moves one
// mode by one level at a time, never down and never to an older version, and
// leaves no mode below its target.
func TestClimbProperties(t *testing.T) {
	levels := []psaapi.Level{psaapi.LevelPrivileged, psaapi.LevelBaseline, psaapi.LevelRestricted}
	rapid.Check(t, func(t *rapid.T) {
		version := func(name string) psaapi.Version {
			if m := rapid.IntRange(30, 38).Draw(t, name); m < 38 {
				return psaapi.MajorMinorVersion(1, m)
			}
			return psaapi.LatestVersion()
		}
		draw := func(name string) psaapi.LevelVersion {
			return psaapi.LevelVersion{Level: rapid.SampledFrom(levels).Draw(t, name), Version: version(name + "Version")}
		}
		inForce := psaapi.Policy{Enforce: draw("enforce"), Warn: draw("warn"), Audit: draw("audit")}
		targetVersion := version("target")
		target := psaapi.Policy{Enforce: draw("tEnforce"), Warn: draw("tWarn"), Audit: draw("tAudit")}
		target.Enforce.Version, target.Warn.Version, target.Audit.Version = targetVersion, targetVersion, targetVersion

		rungs := Remaining(inForce, target, server)
		if len(rungs) > 9 {
			t.Fatalf("%d rungs: %v", len(rungs), rungs)
		}
		end := inForce
		for _, r := range rungs {
			checkRung(t, end, r)
			end = With(end, r.Mode, r.To)
		}
		for _, mode := range Modes {
			if psaapi.CompareLevels(Of(end, mode).Level, Of(target, mode).Level) < 0 {
				t.Fatalf("%s ends at %v below the target %v", mode, Of(end, mode), Of(target, mode))
			}
		}
	})
}

// checkRung fails when a rung does not start where the mode is, or goes down, to
// an older version, or past a level.
func checkRung(t *rapid.T, inForce psaapi.Policy, r Rung) {
	from, to := effective(r.From.Version, server), effective(r.To.Version, server)
	switch privileged := r.From.Level == psaapi.LevelPrivileged; {
	case Of(inForce, r.Mode) != r.From:
		t.Fatalf("rung %s starts from %s, in force is %v", r, r.From.String(), Of(inForce, r.Mode))
	case psaapi.CompareLevels(r.To.Level, r.From.Level) < 0:
		t.Fatalf("%s lowers the level from %s", r, r.From.String())
	case !privileged && to.Older(from):
		t.Fatalf("%s goes to an older version than %s", r, r.From.String())
	case privileged && r.To.Level != psaapi.LevelBaseline:
		t.Fatalf("%s skips a level", r)
	}
}
