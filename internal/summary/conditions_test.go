// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

func TestClip(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		most int
		want string
	}{
		"empty":                    {"", 8, ""},
		"fits":                     {"12345678", 8, "12345678"},
		"is cut, and says so":      {"123456789", 8, "1234 …"},
		"is cut before a rune":     {"123€56789", 8, "123 …"},
		"is cut after a rune":      {"1€56789ab", 8, "1€ …"},
		"a rune that just fits in": {"12345€", 8, "12345€"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Clip(tc.text, tc.most); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestClipNeverBreaksARune(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		most := rapid.IntRange(4, 40).Draw(t, "most")
		got := Clip(text, most)
		if len(got) > most {
			t.Fatalf("%d bytes, want at most %d", len(got), most)
		}
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		if kept, cut := strings.CutSuffix(got, " …"); cut && !strings.HasPrefix(text, kept) || !cut && got != text {
			t.Fatalf("%q is neither the text nor its beginning", got)
		}
	})
}

// The API keeps times in UTC and to the second; what is kept otherwise would
// differ from what is read back.
func TestTimesAreAsTheAPIKeepsThem(t *testing.T) {
	zone := time.FixedZone("UTC+3", 3*60*60)
	got := at(time.Date(2026, 11, 23, 12, 0, 0, 987654321, zone))
	if diff := cmp.Diff(metav1.NewTime(nine), got); diff != "" {
		t.Errorf("time (-want +got):\n%s", diff)
	}
	if got.Location() != time.UTC {
		t.Errorf("in %v, want UTC", got.Location())
	}
	if atOrNil(time.Time{}) != nil {
		t.Error("the zero time is a time")
	}
}
