// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/podsecurity-rollout/operator/internal/cli/output"
	"github.com/podsecurity-rollout/operator/internal/remedy"
)

var update = flag.Bool("update", false, "write the screenshot of the documentation")

// browserTimeout bounds what a browser is waited for, on a machine busy with other things.
const browserTimeout = 2 * time.Minute

// sample is a report of so many namespaces, a third at each level.
func sample(namespaces int) Report {
	r := Report{
		Header: output.NewHeader("Report"), ServerVersion: "v1.37", Time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		Namespaces: []Namespace{}, Violations: []Violation{},
	}
	teams := []string{"shop", "payments", "search", "monitoring", "batch", "mail", "ledger", "web"}
	checks := map[string][]string{"privileged": {"hostNamespaces", "hostPathVolumes", "privileged", "runAsNonRoot"}, "baseline": {"runAsNonRoot", "seccompProfile_restricted"}}
	messages := map[string]string{
		"hostNamespaces": "host namespaces (hostNetwork=true)", "hostPathVolumes": `hostPath volumes (volume "logs")`,
		"privileged":                `privileged (container "app" must not set securityContext.privileged=true)`,
		"runAsNonRoot":              `runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)`,
		"seccompProfile_restricted": `seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`,
	}
	levels := []string{"restricted", "baseline", "restricted", "privileged", "baseline", "restricted"}
	for n := range namespaces {
		ns := Namespace{
			Name: fmt.Sprintf("%s-%03d", teams[n%len(teams)], n), Enforce: "privileged", Meets: levels[(n*7)%len(levels)], Pods: 15, Workloads: 3,
		}
		for _, check := range checks[ns.Meets] {
			ns.Violating = 1
			fix, _ := remedy.For(check)
			r.Violations = append(r.Violations, Violation{
				Owner: teams[n%len(teams)], Namespace: ns.Name, Workload: "Deployment " + teams[(n+3)%len(teams)], Level: string(fix.Level), Check: check,
				Message: messages[check], Source: "Pod", Pods: int32(n % 9),
			})
		}
		r.Namespaces = append(r.Namespaces, ns)
	}
	r.Checks = checksOf(r.Violations)
	return r
}

// TestPageHoldsTheReport reads the data back out of the page: nothing in it, such as the end of a script, breaks out.
func TestPageHoldsTheReport(t *testing.T) {
	want := sample(20)
	want.Violations[0].Message = `</script><script>alert("a message")</script> & more`
	var out bytes.Buffer
	if err := writePage(&out, want, byOwner); err != nil {
		t.Fatal(err)
	}
	data := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindSubmatch(out.Bytes())
	if data == nil {
		t.Fatalf("no data in:\n%s", out.String())
	}
	var got Report
	if err := json.Unmarshal(data[1], &got); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the report (-want +got):\n%s", diff)
	}
	if links := regexp.MustCompile(`(?:src|href)="?[^"\s>]*`).FindAll(out.Bytes(), -1); len(links) > 0 {
		t.Errorf("the page loads %q", links)
	}
}

// browser is a page in a real browser, and what went wrong there.
type browser struct {
	context.Context
	mu       sync.Mutex
	requests []string
	problems []string
}

// open opens a report in a headless Chromium. It skips the test where none is installed.
func open(t *testing.T, r Report) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium is installed: the page is not looked at (apt-get install chromium)")
	}
	file := filepath.Join(t.TempDir(), "report.html")
	var out bytes.Buffer
	if err := writePage(&out, r, byOwner); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.WSURLReadTimeout(browserTimeout))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
	}
	b := &browser{Context: startBrowser(t, options)}
	if err := chromedp.Listen(b, b.note); err != nil {
		t.Fatal(err)
	}
	command(t, b, network.Enable, network.EnableParams{})
	command(t, b, runtime.Enable, cdp.Empty{})
	command(t, b, log.Enable, cdp.Empty{})
	url := "file://" + file
	b.do(t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("tbody tr")))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if diff := gocmp.Diff([]string{url}, b.requests); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if len(b.problems) > 0 {
			t.Errorf("the browser says: %v", b.problems)
		}
	})
	return b
}

// startBrowser answers the tab of a new browser. On a busy machine one ends now and then
// before it has said where it listens, so that it is tried again.
func startBrowser(t *testing.T, options []chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), browserTimeout)
	t.Cleanup(cancel)
	var err error
	for range 3 {
		allocated, cancelBrowser := chromedp.NewExecAllocator(ctx, options...)
		tab, cancelTab := chromedp.NewContext(allocated)
		if err = chromedp.Do(tab); err == nil {
			t.Cleanup(cancelBrowser)
			t.Cleanup(cancelTab)
			return tab
		}
		t.Logf("starting the browser: %v", err)
		cancelTab()
		cancelBrowser()
	}
	t.Fatalf("starting the browser: %v", err)
	return nil
}

// note keeps requests, errors of scripts, and what the browser logs, such as what its content policy has kept from loading.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *log.EventEntryAdded:
		b.problems = append(b.problems, e.Entry.Text)
	}
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	b.do(t, chromedp.Click(chromedp.CSS(selector)))
}

// command sends the browser a command.
func command[P, R any](t *testing.T, b *browser, c cdp.Command[P, R], parameters P) {
	t.Helper()
	if _, err := chromedp.Call(b, c, parameters); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	answer, err := chromedp.Run(b, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("evaluating %s: %v", expression, err)
	}
	return answer
}

// column answers what the first rows show in a column.
func (b *browser) column(t *testing.T, label string) []string {
	t.Helper()
	return ask[[]string](t, b, fmt.Sprintf(`[...document.querySelectorAll('td[data-label=%q]')].map((td) => td.textContent)`, label))
}

// rows counts the rows in the document.
func (b *browser) rows(t *testing.T) int {
	t.Helper()
	return ask[int](t, b, `document.querySelectorAll('tbody tr').length`)
}

// search types words into the search box.
func (b *browser) search(t *testing.T, words string) {
	t.Helper()
	ask[bool](t, b, fmt.Sprintf(`(() => { const f = document.getElementById('filter'); f.value = %q; return f.dispatchEvent(new Event('input')); })()`, words))
}

// TestPageShowsABit has some rows in the document, and more when asked for.
func TestPageShowsABit(t *testing.T) {
	b := open(t, sample(1000))
	if got := ask[int](t, b, `document.querySelectorAll('#map button').length`); got != 1000 {
		t.Errorf("the map has %d namespaces", got)
	}
	if got := b.rows(t); got != 200 {
		t.Errorf("%d rows are in the document to begin with", got)
	}
	b.click(t, "#more")
	if got := b.rows(t); got <= 200 {
		t.Errorf("%d rows after more were asked for", got)
	}
}

// TestPageSorts sorts by a number, and then the other way round.
func TestPageSorts(t *testing.T) {
	r := sample(1000)
	b := open(t, r)
	const header = `th:nth-child(6)`
	b.click(t, header+" button")
	if pods := b.column(t, "Pods"); !slices.IsSorted(pods) { // of one digit each
		t.Errorf("not sorted by pods: %v", pods[:20])
	}
	b.click(t, header+" button")
	most := slices.MaxFunc(r.Violations, func(a, b Violation) int { return cmp.Compare(a.Pods, b.Pods) }).Pods
	if pods := b.column(t, "Pods"); pods[0] != strconv.Itoa(int(most)) {
		t.Errorf("not sorted the other way round: %v", pods[:20])
	}
	if sort := ask[string](t, b, fmt.Sprintf(`document.querySelector(%q).ariaSort`, header)); sort != "descending" {
		t.Errorf("it says to be sorted %s", sort)
	}
}

// TestPageSearches shows what has all of the words, and nothing else.
func TestPageSearches(t *testing.T) {
	b := open(t, sample(1000))
	b.search(t, "shop- runasnonroot")
	found := append(b.column(t, "Namespace"), b.column(t, "Check")...)
	if len(found) == 0 || slices.ContainsFunc(found, func(s string) bool { return !regexp.MustCompile(`^(shop-\d+|runAsNonRoot)$`).MatchString(s) }) {
		t.Errorf("found: %v", found)
	}
	b.search(t, "")
	if got := b.rows(t); got != 200 {
		t.Errorf("%d rows without a search", got)
	}
}

// TestPageChooses shows the namespaces of a level, then one of the map.
func TestPageChooses(t *testing.T) {
	r := sample(1000)
	b := open(t, r)
	b.click(t, `#levels .privileged`)
	b.click(t, `[data-view=namespace]`)
	if meets := b.column(t, "Meets"); len(meets) == 0 || slices.ContainsFunc(meets, func(s string) bool { return s != "privileged" }) {
		t.Errorf("of namespaces that do not meet baseline: %v", meets)
	}
	if off := ask[int](t, b, `document.querySelectorAll('#map .off').length`); off == 0 || off == 1000 {
		t.Errorf("%d namespaces of the map are faded", off)
	}
	b.click(t, `#levels .privileged`)
	b.click(t, `#map button:nth-child(3)`)
	count := ask[string](t, b, `document.getElementById('count').value`)
	if diff := gocmp.Diff([]string{r.Namespaces[2].Name}, b.column(t, "Namespace")); diff != "" || count != "1 of 1000" {
		t.Errorf("%s: of one namespace of the map (-want +got):\n%s", count, diff)
	}
	b.click(t, `[data-view=check]`)
	if got := b.column(t, "Check"); len(got) != len(r.Checks) {
		t.Errorf("checks: %v", got)
	}
}

// TestPageIsQuick has a search of 1,000 namespaces take no longer than twice what the page took to show itself at first: the median of many, as other
// programs get in the way of some.
func TestPageIsQuick(t *testing.T) {
	b := open(t, sample(1000))
	times := ask[[]float64](t, b, `(() => {
	  const filter = document.getElementById('filter');
	  const words = ['s', 'sh', 'sho', 'shop', ''];
	  const times = [...words, ...words, ...words, ...words, ...words].map((words) => {
	    const before = performance.now();
	    filter.value = words;
	    filter.dispatchEvent(new Event('input'));
	    document.body.offsetHeight; // lay it out
	    return performance.now() - before;
	  });
	  const [page] = performance.getEntriesByType('navigation');
	  return [times.sort((a, b) => a - b)[12], page.domComplete];
	})()`)
	t.Logf("the median search took %.0f ms, the page itself %.0f ms", times[0], times[1])
	if times[0] > 2*times[1] {
		t.Errorf("a search takes %.0f ms, the whole page %.0f ms", times[0], times[1])
	}
}

func TestPageInTheDark(t *testing.T) {
	b := open(t, sample(10))
	background := func() string { return ask[string](t, b, `getComputedStyle(document.body).backgroundColor`) }
	const light, dark = "rgb(255, 255, 255)", "rgb(21, 24, 29)"
	if got := background(); got != light {
		t.Errorf("by default it is %s", got)
	}
	b.click(t, "#theme")
	if got := background(); got != dark {
		t.Errorf("after a change it is %s", got)
	}
	b.click(t, "#theme")
	ask[bool](t, b, `delete document.documentElement.dataset.theme`)
	command(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	if got := background(); got != dark {
		t.Errorf("where the system is dark it is %s", got)
	}
}

// TestPageOnAPhone has nothing reach beyond a narrow screen.
func TestPageOnAPhone(t *testing.T) {
	b := open(t, sample(200))
	b.do(t, chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
	if wide := ask[int](t, b, `document.documentElement.scrollWidth`); wide > 360 {
		t.Errorf("the page is %d pixels wide", wide)
	}
	if display := ask[string](t, b, `getComputedStyle(document.querySelector('tbody tr')).display`); display != "block" {
		t.Errorf("rows are not cards but %s", display)
	}
}

// TestScreenshot refreshes the picture of the documentation, when asked to.
func TestScreenshot(t *testing.T) {
	if !*update {
		t.Skip("the screenshot is written with -update")
	}
	b := open(t, sample(400))
	b.do(t, chromedp.EmulateViewport(1100, 640))
	png, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "img", "report.png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
