// SPDX-License-Identifier: Apache-2.0

package images

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What the build is told, and has to stamp.
const (
	version  = "v1.2.3"
	revision = "0123456789abcdef0123456789abcdef01234567"
	epoch    = "1767225600" // 2026-01-01
)

// root is the repository's.
var root = filepath.Join("..", "..")

// startRegistry answers the host of a registry that lives as long as the test.
func startRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// pushBase puts a base image into the registry: for one platform more than the
// operator is built for, and, unlike the real one, of a user who is root.
func pushBase(t *testing.T, host string) name.Reference {
	t.Helper()
	base := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64", "s390x"} {
		image, err := random.Image(512, 1)
		if err != nil {
			t.Fatal(err)
		}
		image, err = mutate.ConfigFile(image, &v1.ConfigFile{
			OS: "linux", Architecture: architecture, RootFS: rootFS(t, image),
			Config: v1.Config{User: "0", Env: []string{"PATH=/bin"}, Cmd: []string{"/bin/sh"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		image = mutate.MediaType(image, types.OCIManifestSchema1)
		base = mutate.AppendManifests(base, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	ref, err := name.ParseReference(host + "/base:nonroot")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, base); err != nil {
		t.Fatalf("pushing the base image: %v", err)
	}
	return ref
}

func rootFS(t *testing.T, image v1.Image) v1.RootFS {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.RootFS
}

// buildKo builds the pinned ko and answers its path.
func buildKo(t *testing.T) string {
	t.Helper()
	ko, err := filepath.Abs(filepath.Join(root, "bin", "tools", "ko"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "-C", filepath.Join(root, "hack", "tools", "ko"), "build", "-o", ko, "tool")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building ko: %v\n%s", err, out)
	}
	return ko
}

// buildImage builds the image in a copy of the source, and answers the reference
// by digest that the build wrote down. Without an image it is written as a layout.
func buildImage(t *testing.T, ko string, base name.Reference, image ...string) string {
	t.Helper()
	source := copySource(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(source, "hack", "image.sh"), append([]string{ko}, image...)...)
	cmd.Env = append(os.Environ(), "KO_DEFAULTBASEIMAGE="+base.Name(), "VERSION="+version, "REVISION="+revision, "SOURCE_DATE_EPOCH="+epoch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the image: %v\n%s", err, out)
	}
	ref, err := os.ReadFile(filepath.Join(source, "dist", "image.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ref))
}

// copySource copies what the image is built of to a directory of its own.
func copySource(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	for _, dir := range []string{"api", "cmd", "controllers", "internal"} {
		if err := os.CopyFS(filepath.Join(source, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(source, "hack"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{".ko.yaml", "go.mod", "go.sum", filepath.Join("hack", "image.sh")} {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(source, file), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return source
}
