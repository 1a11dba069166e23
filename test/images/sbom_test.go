// SPDX-License-Identifier: Apache-2.0

package images

import (
	"debug/buildinfo"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// sorted compares lists whatever their order.
var sorted = cmpopts.SortSlices(strings.Compare)

// document is what is looked at of an SBOM in SPDX.
type document struct {
	Version  string `json:"spdxVersion"`
	Packages []struct {
		Name    string `json:"name"`
		Version string `json:"versionInfo"`
	} `json:"packages"`
	Describes []string `json:"documentDescribes"`
}

func (d document) packages() []string {
	var found []string
	for _, p := range d.Packages {
		found = append(found, p.Name+" "+p.Version)
	}
	return found
}

// sbom answers the SBOM that the registry has of a digest, where cosign looks for it.
func sbom(t *testing.T, repository name.Repository, digest v1.Hash) document {
	t.Helper()
	image, err := remote.Image(repository.Tag(strings.Replace(digest.String(), ":", "-", 1) + ".sbom"))
	if err != nil {
		t.Fatalf("pulling the SBOM: %v", err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("the SBOM has %d layers (%v), want 1", len(layers), err)
	}
	if mediaType, err := layers[0].MediaType(); err != nil || mediaType != "text/spdx+json" {
		t.Errorf("the SBOM is %q (%v), want text/spdx+json", mediaType, err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	data, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatalf("reading the SBOM: %v", err)
	}
	if !strings.HasPrefix(d.Version, "SPDX-2.") {
		t.Errorf("the SBOM is of version %q", d.Version)
	}
	if diff := cmp.Diff([]string{"SPDXRef-Package-" + strings.Replace(digest.String(), ":", "-", 1)}, d.Describes); diff != "" {
		t.Errorf("the SBOM describes (-want +got):\n%s", diff)
	}
	return d
}

// checkSBOM has the SBOM of an image name the image, its base, and every module in the binary.
func checkSBOM(t *testing.T, repository name.Repository, image v1.Image, base name.Reference, path string) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Main.Path != module || len(info.Deps) == 0 {
		t.Fatalf("the binary is of module %s with %d dependencies", info.Main.Path, len(info.Deps))
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	digest := hash(t, image)
	want := []string{
		digest.String() + " ",
		base.Context().Digest(manifest.Annotations[baseDigest]).Name() + " " + base.Name(),
		module + " ",
	}
	for _, dependency := range info.Deps {
		want = append(want, dependency.Path+" "+dependency.Version)
	}
	if diff := cmp.Diff(want, sbom(t, repository, digest).packages(), sorted); diff != "" {
		t.Errorf("packages of the SBOM (-want +got):\n%s", diff)
	}
}

// checkIndexSBOM has the SBOM of the index name the index, its base, and the image of each platform.
func checkIndexSBOM(t *testing.T, repository name.Repository, index v1.ImageIndex, base name.Reference) {
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	digest := hash(t, index)
	want := []string{digest.String() + " ", base.Context().Digest(manifest.Annotations[baseDigest]).Name() + " " + base.Name()}
	for platform, image := range images(t, index) {
		want = append(want, hash(t, image).String()+" "+platform)
	}
	if diff := cmp.Diff(want, sbom(t, repository, digest).packages(), sorted); diff != "" {
		t.Errorf("packages of the SBOM (-want +got):\n%s", diff)
	}
}
