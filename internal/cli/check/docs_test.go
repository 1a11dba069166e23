// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// docs/check.md has every field of a report.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []any{Report{}, Summary{}, Finding{}, Object{}, Error{}} {
		typ := reflect.TypeOf(of)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			documented := regexp.MustCompile(`[` + "`" + `.]` + name + `[` + "`" + `.\[]`).Match(page)
			if name != "" && !documented {
				t.Errorf("%s: %s is not documented", typ, name)
			}
		}
	}
}
