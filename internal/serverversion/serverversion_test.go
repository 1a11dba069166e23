// SPDX-License-Identifier: Apache-2.0

package serverversion

import (
	"context"
	"errors"
	"testing"

	apimachineryversion "k8s.io/apimachinery/pkg/version"
)

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct {
		info    apimachineryversion.Info
		want    string
		wantErr bool
	}{
		"the emulation version counts": {apimachineryversion.Info{Major: "1", Minor: "37", EmulationMajor: "1", EmulationMinor: "36"}, "v1.36", false},
		"an older server has none":     {apimachineryversion.Info{Major: "1", Minor: "30"}, "v1.30", false},
		"a vendor's plus sign":         {apimachineryversion.Info{Major: "1", Minor: "30+"}, "v1.30", false},
		"nothing":                      {apimachineryversion.Info{}, "", true},
		"another major":                {apimachineryversion.Info{Major: "2", Minor: "0"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(&tc.info)
			if (err != nil) != tc.wantErr {
				t.Fatalf("error %v, want one: %v", err, tc.wantErr)
			}
			if err == nil && got.String() != tc.want {
				t.Errorf("got %s, want %s", got.String(), tc.want)
			}
		})
	}
}

type fakeServer struct {
	info *apimachineryversion.Info
	err  error
}

func (f *fakeServer) ServerVersionWithContext(context.Context) (*apimachineryversion.Info, error) {
	return f.info, f.err
}

func TestWatcherFollowsTheServer(t *testing.T) {
	server := &fakeServer{info: &apimachineryversion.Info{Major: "1", Minor: "36"}}
	w, err := New(context.Background(), server)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	w.OnChange(func() { told++ })

	w.refresh(context.Background())
	server.err = errors.New("connection refused")
	w.refresh(context.Background())
	if v := w.Version(); v.String() != "v1.36" || told != 0 {
		t.Errorf("version %s, told %d times; want v1.36, not told", v.String(), told)
	}
	server.info, server.err = &apimachineryversion.Info{Major: "1", Minor: "37"}, nil
	w.refresh(context.Background())
	if v := w.Version(); v.String() != "v1.37" || told != 1 {
		t.Errorf("version %s, told %d times; want v1.37, told once", v.String(), told)
	}
}

func TestNewNeedsAnAnswer(t *testing.T) {
	if _, err := New(context.Background(), &fakeServer{err: errors.New("connection refused")}); err == nil {
		t.Error("no error from a server that does not answer")
	}
}
