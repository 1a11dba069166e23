// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"fmt"
	"strconv"
	"strings"

	psaapi "k8s.io/pod-security-admission/api"
)

// newestMinor is N of the k8s.io/pod-security-admission v0.N.x that go.mod requires. The newest version of any check is no substitute: a release
// that changes no check knows its own version all the same.
const newestMinor = 37

// NewestVersion is the newest policy version that the library knows: v1.N when it is v0.N.x. What a newer server checks cannot be known here.
func NewestVersion() psaapi.Version {
	return psaapi.MajorMinorVersion(1, newestMinor)
}

// Versions are all policy versions the library knows, oldest (v1.0) first.
func Versions() []psaapi.Version {
	versions := make([]psaapi.Version, 0, newestMinor+1)
	for minor := range newestMinor + 1 {
		versions = append(versions, psaapi.MajorMinorVersion(1, minor))
	}
	return versions
}

// Effective is the level and version that a server evaluates when asked for lv: a version newer than the server's own, and so "latest", becomes the
// server's own. server is the server's emulation version. It follows upstream's policy.NewEvaluator(checks, emulationVersion) and EvaluatePod,
// which lower a version and never raise it.
func Effective(lv psaapi.LevelVersion, server psaapi.Version) psaapi.LevelVersion {
	if server.Older(lv.Version) {
		lv.Version = server
	}
	return lv
}

// Text is what lv.String() answers, at a tenth of its price: a look at a namespace asks for it a dozen times.
func Text(lv psaapi.LevelVersion) string {
	version := "latest"
	if !lv.Latest() {
		version = "v" + strconv.Itoa(lv.Major()) + "." + strconv.Itoa(lv.Minor())
	}
	return string(lv.Level) + ":" + version
}

// ParseLevelVersion reads what psaapi.LevelVersion.String writes, e.g. "baseline:v1.37" or "restricted:latest". On an error the zero value is
// returned, unlike upstream's parsers, which fall back to the strictest.
func ParseLevelVersion(s string) (psaapi.LevelVersion, error) {
	levelText, versionText, found := strings.Cut(s, ":")
	if !found {
		return psaapi.LevelVersion{}, fmt.Errorf("parsing %q: must be <level>:<version>, such as baseline:v1.%d", s, newestMinor)
	}
	level, err := psaapi.ParseLevel(levelText)
	if err != nil {
		return psaapi.LevelVersion{}, fmt.Errorf("parsing level of %q: %w", s, err)
	}
	version, err := psaapi.ParseVersion(versionText)
	if err != nil {
		return psaapi.LevelVersion{}, fmt.Errorf("parsing version of %q: %w", s, err)
	}
	return psaapi.LevelVersion{Level: level, Version: version}, nil
}
