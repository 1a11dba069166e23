package inventory
import ("testing";"runtime/pprof";"runtime";"os")
func TestProf(t *testing.T) {
	runtime.MemProfileRate = 1
	i := filledInventory(t)
	allVerdicts(i)
	heap()
	f,_ := os.Create("/tmp/heap.prof")
	pprof.WriteHeapProfile(f)
	f.Close()
	runtime.KeepAlive(i)
	t.Logf("%+v", i.Stats())
}
