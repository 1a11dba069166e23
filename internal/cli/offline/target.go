// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	psaapi "k8s.io/pod-security-admission/api"

	"github.com/podsecurity-rollout/operator/internal/manifest"
	"github.com/podsecurity-rollout/operator/internal/standards"
)

// defaultLevel is what pods are held to when nothing says otherwise: a check that says nothing should mean the most.
const defaultLevel = psaapi.LevelRestricted

var levels = []string{string(psaapi.LevelPrivileged), string(psaapi.LevelBaseline), string(psaapi.LevelRestricted)}

// Target is the level and version that pods are held to.
type Target struct {
	level   psaapi.Level // "" when none was given
	version psaapi.Version
	pinned  bool // whether the version was given

	namespaces map[string]psaapi.LevelVersion
}

// newTarget reads the flags. Both may be empty.
func newTarget(level, version string) (*Target, error) {
	t := &Target{version: standards.NewestVersion()}
	if level != "" {
		parsed, err := psaapi.ParseLevel(level)
		if err != nil {
			return nil, fmt.Errorf("--level %q: %w", level, err)
		}
		t.level = parsed
	}
	if version != "" {
		parsed, err := parseVersion(version)
		if err != nil {
			return nil, fmt.Errorf("--version %q: %w", version, err)
		}
		t.version, t.pinned = parsed, true
	}
	return t, nil
}

// parseVersion fails for a version that the library does not know: it could not know what is new in it.
func parseVersion(version string) (psaapi.Version, error) {
	parsed, err := psaapi.ParseVersion(version)
	if err != nil {
		return psaapi.Version{}, err
	}
	newest := standards.NewestVersion()
	if parsed.Latest() {
		return newest, nil
	}
	if newest.Older(parsed) {
		return psaapi.Version{}, fmt.Errorf("the newest version known here is %s", newest.String())
	}
	return parsed, nil
}

// declare takes in the labels of a namespace that is among the manifests.
func (t *Target) declare(n manifest.Namespace) error {
	level, labelled := n.Labels[psaapi.EnforceLevelLabel]
	if !labelled {
		return nil
	}
	parsed, err := psaapi.ParseLevel(level)
	if err != nil {
		return fmt.Errorf("%s: label %s: %w", n.Object, psaapi.EnforceLevelLabel, err)
	}
	version := standards.NewestVersion()
	if label, pinned := n.Labels[psaapi.EnforceVersionLabel]; pinned {
		if version, err = parseVersion(label); err != nil {
			return fmt.Errorf("%s: label %s: %q: %w", n.Object, psaapi.EnforceVersionLabel, label, err)
		}
	}
	if t.namespaces == nil {
		t.namespaces = map[string]psaapi.LevelVersion{}
	}
	lv := psaapi.LevelVersion{Level: parsed, Version: version}
	if before, twice := t.namespaces[n.Name]; twice && psaapi.CompareLevels(before.Level, lv.Level) > 0 {
		lv = before
	}
	t.namespaces[n.Name] = lv
	return nil
}

// Of answers what the pods of a namespace are held to. The labels of a namespace among the manifests decide, unless the flags ask for a stricter level; a
// version that was given is the version of all.
func (t *Target) Of(namespace string) psaapi.LevelVersion {
	lv := psaapi.LevelVersion{Level: t.level, Version: t.version}
	labels, labelled := t.namespaces[namespace]
	switch {
	case !labelled && t.level == "":
		lv.Level = defaultLevel
	case !labelled:
	case t.level == "" || psaapi.CompareLevels(labels.Level, t.level) >= 0:
		lv.Level = labels.Level
		if !t.pinned {
			lv.Version = labels.Version
		}
	}
	return lv
}

// completeTarget completes the values of the flags.
func completeTarget(cmd *cobra.Command) error {
	versions := []string{psaapi.VersionLatest}
	for _, v := range standards.Versions() {
		versions = append(versions, v.String())
	}
	slices.Reverse(versions[1:])
	for flag, values := range map[string][]string{"level": levels, "version": versions} {
		complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			return err
		}
	}
	return nil
}
