// SPDX-License-Identifier: Apache-2.0

// Command reasons writes docs/conditions.md: every condition type and reason of
// the API, from the comments of their constants.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/podsecurity-rollout/operator/hack/reasons/constants"
)

const head = `# Conditions and reasons

<!-- Generated from api/v1alpha1 by ` + "`make generate`" + `. Change the Go comments there. -->

Both kinds set ` + "`observedGeneration`" + ` on every condition. The reason of ` + "`Progressing`" + ` is the state that ` + "`kubectl get`" + ` shows.
What to do about each is in [troubleshooting.md](troubleshooting.md).
`

func main() {
	from := flag.String("from", "api/v1alpha1/conditions.go,api/v1alpha1/events.go", "Go files with the constants")
	to := flag.String("to", "docs/conditions.md", "Markdown file to write")
	flag.Parse()
	if err := run(strings.Split(*from, ","), *to); err != nil {
		fmt.Fprintln(os.Stderr, "reasons:", err)
		os.Exit(1)
	}
}

func run(from []string, to string) error {
	out := bytes.NewBufferString(head)
	for _, path := range from {
		blocks, err := constants.Read(path)
		if err != nil {
			return err
		}
		for _, block := range blocks {
			write(out, block)
		}
	}
	return os.WriteFile(to, out.Bytes(), 0o600)
}

func write(out *bytes.Buffer, block constants.Block) {
	fmt.Fprintf(out, "\n## %s\n\n", block.Title)
	if block.Note != "" {
		fmt.Fprintf(out, "%s\n\n", block.Note)
	}
	fmt.Fprint(out, "| name | meaning |\n| --- | --- |\n")
	for _, c := range block.Constants {
		fmt.Fprintf(out, "| `%s` | %s |\n", c.Value, strings.ReplaceAll(c.Doc, "|", `\|`))
	}
}
