// SPDX-License-Identifier: Apache-2.0

package images

import (
	"debug/buildinfo"
	"maps"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	module = "github.com/podsecurity-rollout/operator"
	binary = "/ko-app/manager"

	baseDigest = "org.opencontainers.image.base.digest"
)

// about is what image, index and SBOM say of themselves.
var about = map[string]string{
	"org.opencontainers.image.title":       "podsecurity-rollout",
	"org.opencontainers.image.description": "Rolls out the Pod Security Standards one namespace and one level at a time",
	"org.opencontainers.image.source":      "https://github.com/podsecurity-rollout/operator",
	"org.opencontainers.image.licenses":    "Apache-2.0",
	"org.opencontainers.image.version":     version,
	"org.opencontainers.image.revision":    revision,
}

// TestImage builds the image once, pushes it, and looks at what was pushed.
func TestImage(t *testing.T) {
	host, ko := startRegistry(t), buildKo(t)
	base := pushBase(t, host)
	written := buildImage(t, ko, base, host+"/operator:"+version)
	ref, err := name.NewDigest(written)
	if err != nil {
		t.Fatalf("the build wrote down %q, not a reference by digest: %v", written, err)
	}
	index := pull(t, ref)

	t.Run("tag", func(t *testing.T) {
		tagged, err := remote.Head(ref.Context().Tag(version))
		if err != nil || tagged.Digest.String() != ref.DigestStr() {
			t.Errorf("tag %s is %v (%v), want %s", version, tagged, err, ref.DigestStr())
		}
	})
	t.Run("index", func(t *testing.T) { checkIndex(t, index, base) })
	bases := images(t, pull(t, base))
	for platform, image := range images(t, index) {
		t.Run(platform, func(t *testing.T) {
			checkManifest(t, image, bases[platform], base)
			checkConfig(t, image)
			checkLayers(t, image, bases[platform])
			path := extract(t, image)
			checkBinary(t, path, platform)
			checkSBOM(t, ref.Context(), image, base, path)
		})
	}
	t.Run("SBOM of the index", func(t *testing.T) { checkIndexSBOM(t, ref.Context(), index, base) })

	// Elsewhere, later, and as a layout instead of pushed.
	t.Run("reproducible", func(t *testing.T) {
		again := buildImage(t, ko, base)
		if _, digest, _ := strings.Cut(again, "@"); digest != ref.DigestStr() {
			t.Errorf("a second build is %s, the first was %s", again, ref.DigestStr())
		}
	})
}

func pull(t *testing.T, ref name.Reference) v1.ImageIndex {
	t.Helper()
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatalf("pulling %s: %v", ref, err)
	}
	return index
}

// images answers the images of an index by their platform.
func images(t *testing.T, index v1.ImageIndex) map[string]v1.Image {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	byPlatform := map[string]v1.Image{}
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		byPlatform[m.Platform.String()] = image
	}
	return byPlatform
}

func checkIndex(t *testing.T, index v1.ImageIndex, base name.Reference) {
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	platforms := slices.Sorted(maps.Keys(images(t, index)))
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	// Here ko names the digest of the base with its own annotations added, which nobody can pull.
	got := maps.Clone(manifest.Annotations)
	delete(got, baseDigest)
	if diff := cmp.Diff(annotations(base), got); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// annotations answers what index and images are annotated with.
func annotations(base name.Reference) map[string]string {
	all := maps.Clone(about)
	all["org.opencontainers.image.base.name"] = base.Name()
	return all
}

func checkManifest(t *testing.T, image, below v1.Image, base name.Reference) {
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := annotations(base)
	want[baseDigest] = hash(t, below).String()
	if diff := cmp.Diff(want, manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func checkConfig(t *testing.T, image v1.Image) {
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("runs as %q, want 65532:65532", config.Config.User)
	}
	if diff := cmp.Diff([]string{binary}, config.Config.Entrypoint); diff != "" || len(config.Config.Cmd) > 0 {
		t.Errorf("command %q, entrypoint (-want +got):\n%s", config.Config.Cmd, diff)
	}
	if diff := cmp.Diff(about, config.Config.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got := config.Created.UTC().Format("2006-01-02"); got != "2026-01-01" {
		t.Errorf("created %s, want the date of the source", got)
	}
}

// checkLayers has the image be its base and the binary: no shell, no package manager, no source.
func checkLayers(t *testing.T, image, base v1.Image) {
	below, err := base.Layers()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var added []string
	for i, layer := range layers {
		if i >= len(below) {
			added = append(added, contents(t, layer)...)
		} else if hash(t, layer) != hash(t, below[i]) {
			t.Errorf("layer %d is not that of the base image", i)
		}
	}
	want := []string{"0555 /var", "0555 /var/run", "0555 /var/run/ko", "0555 ko-app", "0555 " + binary}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added to the base image (-want +got):\n%s", diff)
	}
}

// checkBinary has the binary say the version it was stamped with, and nothing of where it was built.
func checkBinary(t *testing.T, path, platform string) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if got := settings["GOOS"] + "/" + settings["GOARCH"]; got != platform {
		t.Errorf("the binary is for %s", got)
	}
	if settings["-trimpath"] != "true" || settings["CGO_ENABLED"] != "0" {
		t.Errorf("built with %v, want -trimpath and no cgo", settings)
	}
	if platform != runtime.GOOS+"/"+runtime.GOARCH {
		return
	}
	out, err := exec.CommandContext(t.Context(), path, "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "podsecurity-rollout "+version+" ") {
		t.Errorf("--version answers %q (%v)", out, err)
	}
}
