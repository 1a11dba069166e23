// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// hash answers the digest of a layer, an image or an index.
func hash(t *testing.T, of interface{ Digest() (v1.Hash, error) }) v1.Hash {
	t.Helper()
	digest, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// contents answers mode and path of what is in a layer.
func contents(t *testing.T, layer v1.Layer) []string {
	t.Helper()
	reader, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	var found []string
	walk(t, reader, func(header *tar.Header, _ io.Reader) {
		found = append(found, fmt.Sprintf("%04o %s", header.Mode, header.Name))
	})
	return found
}

// extract writes the operator's binary out of the image to a file that can run.
func extract(t *testing.T, image v1.Image) string {
	t.Helper()
	reader := mutate.Extract(image)
	defer func() { _ = reader.Close() }()
	path := filepath.Join(t.TempDir(), filepath.Base(binary))
	walk(t, reader, func(header *tar.Header, content io.Reader) {
		if filepath.Clean("/"+header.Name) != binary {
			return
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o700); err != nil {
			t.Fatal(err)
		}
	})
	return path
}

func walk(t *testing.T, archive io.Reader, see func(*tar.Header, io.Reader)) {
	t.Helper()
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		see(header, reader)
	}
}
