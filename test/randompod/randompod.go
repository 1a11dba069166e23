// SPDX-License-Identifier: Apache-2.0

package randompod

import (
	"encoding/binary"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"
)

// Seed is data for New out of a number.
func Seed(seed uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, seed)
}

// New fills metadata and spec of a pod at random from the data: every field there is, by reflection, so that a field which a later release adds
// is filled as well; those that checks read with values that matter to them. Equal data make equal pods.
func New(data []byte) (*metav1.ObjectMeta, *corev1.PodSpec) {
	fill := randfill.NewFromGoFuzz(data).NilChance(.4).NumElements(0, 2).Funcs(
		choose("", "", "a", "b", "10.0.0.1", `quo"te`, "unconfined"),
		choose[int32](0, 0, 80, 443, -1),
		choose[int64](0, 0, 1000, -1),
		choose[corev1.Capability]("ALL", "NET_BIND_SERVICE", "SYS_ADMIN", "CHOWN", "NET_RAW", ""),
		choose(corev1.DefaultProcMount, corev1.UnmaskedProcMount, ""),
		choose(corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeUnconfined, ""),
		choose(corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeUnconfined, ""),
		choose(corev1.Windows, corev1.Windows, corev1.Linux, ""),
		choose(resource.MustParse("1")),
		choose(metav1.FieldsV1{}), // anything else would have to be JSON or CBOR
		fillSELinux, fillSysctl, fillVolume,
	)
	meta, spec := &metav1.ObjectMeta{}, &corev1.PodSpec{}
	fill.Fill(&meta.Labels)
	fill.Fill(spec)
	fill.Funcs(fillAnnotations).Fill(&meta.Annotations)
	return meta, spec
}

// choose fills with one of the values.
func choose[T any](values ...T) func(*T, randfill.Continue) {
	return func(value *T, c randfill.Continue) { *value = values[c.Intn(len(values))] }
}

func fillSELinux(options *corev1.SELinuxOptions, c randfill.Continue) {
	choose("", "container_t", "container_engine_t", "spc_t")(&options.Type, c)
	choose("", "", "u")(&options.User, c)
	choose("", "", "r", "s")(&options.Role, c)
	c.Fill(&options.Level)
}

func fillSysctl(sysctl *corev1.Sysctl, c randfill.Continue) {
	choose("kernel.shm_rmid_forced", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem",
		"net.ipv4.tcp_notsent_lowat", "kernel.msgmax", "")(&sysctl.Name, c)
	c.Fill(&sysctl.Value)
}

// fillVolume sets one source at random, sometimes none, sometimes a host path besides.
func fillVolume(volume *corev1.Volume, c randfill.Continue) {
	c.Fill(&volume.Name)
	sources := reflect.ValueOf(&volume.VolumeSource).Elem()
	several := c.Intn(6)
	if several == 0 {
		volume.HostPath = &corev1.HostPathVolumeSource{}
	}
	if several < 5 {
		source := sources.Field(c.Intn(sources.NumField()))
		source.Set(reflect.New(source.Type().Elem()))
		c.Fill(source.Interface())
	}
}

func fillAnnotations(annotations *map[string]string, c randfill.Continue) {
	*annotations = map[string]string{}
	for range c.Intn(4) {
		var key, value string
		choose("seccomp.security.alpha.kubernetes.io/pod",
			"container.seccomp.security.alpha.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/a",
			"container.apparmor.security.beta.kubernetes.io/a", "container.apparmor.security.beta.kubernetes.io/b", "example.com/a")(&key, c)
		choose("", "runtime/default", "docker/default", "localhost/p", "unconfined", `quo"te`)(&value, c)
		(*annotations)[key] = value
	}
}
