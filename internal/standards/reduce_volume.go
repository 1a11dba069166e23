// SPDX-License-Identifier: Apache-2.0

package standards

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// accepted are the volume sources that every check lets pass (policy/check_restrictedVolumes.go). They are forgotten, name and all: each pod has
// a projected volume of a random name, kube-api-access-<random>, which would make every profile unique.
var accepted = []func(*corev1.VolumeSource) bool{
	func(s *corev1.VolumeSource) bool { return s.ConfigMap != nil },
	func(s *corev1.VolumeSource) bool { return s.CSI != nil },
	func(s *corev1.VolumeSource) bool { return s.DownwardAPI != nil },
	func(s *corev1.VolumeSource) bool { return s.EmptyDir != nil },
	func(s *corev1.VolumeSource) bool { return s.Ephemeral != nil },
	func(s *corev1.VolumeSource) bool { return s.Image != nil },
	func(s *corev1.VolumeSource) bool { return s.PersistentVolumeClaim != nil },
	func(s *corev1.VolumeSource) bool { return s.Projected != nil },
	func(s *corev1.VolumeSource) bool { return s.Secret != nil },
}

// minded are the volume sources that some check names, in the order in which it looks for them.
var minded = []func(from, to *corev1.VolumeSource) bool{
	marked(func(s *corev1.VolumeSource) **corev1.HostPathVolumeSource { return &s.HostPath }),
	marked(func(s *corev1.VolumeSource) **corev1.GCEPersistentDiskVolumeSource { return &s.GCEPersistentDisk }),
	marked(func(s *corev1.VolumeSource) **corev1.AWSElasticBlockStoreVolumeSource { return &s.AWSElasticBlockStore }),
	marked(func(s *corev1.VolumeSource) **corev1.GitRepoVolumeSource { return &s.GitRepo }),
	marked(func(s *corev1.VolumeSource) **corev1.NFSVolumeSource { return &s.NFS }),
	marked(func(s *corev1.VolumeSource) **corev1.ISCSIVolumeSource { return &s.ISCSI }),
	marked(func(s *corev1.VolumeSource) **corev1.GlusterfsVolumeSource { return &s.Glusterfs }),
	marked(func(s *corev1.VolumeSource) **corev1.RBDVolumeSource { return &s.RBD }),
	marked(func(s *corev1.VolumeSource) **corev1.FlexVolumeSource { return &s.FlexVolume }),
	marked(func(s *corev1.VolumeSource) **corev1.CinderVolumeSource { return &s.Cinder }),
	marked(func(s *corev1.VolumeSource) **corev1.CephFSVolumeSource { return &s.CephFS }),
	marked(func(s *corev1.VolumeSource) **corev1.FlockerVolumeSource { return &s.Flocker }),
	marked(func(s *corev1.VolumeSource) **corev1.FCVolumeSource { return &s.FC }),
	marked(func(s *corev1.VolumeSource) **corev1.AzureFileVolumeSource { return &s.AzureFile }),
	marked(func(s *corev1.VolumeSource) **corev1.VsphereVirtualDiskVolumeSource { return &s.VsphereVolume }),
	marked(func(s *corev1.VolumeSource) **corev1.QuobyteVolumeSource { return &s.Quobyte }),
	marked(func(s *corev1.VolumeSource) **corev1.AzureDiskVolumeSource { return &s.AzureDisk }),
	marked(func(s *corev1.VolumeSource) **corev1.PhotonPersistentDiskVolumeSource { return &s.PhotonPersistentDisk }),
	marked(func(s *corev1.VolumeSource) **corev1.PortworxVolumeSource { return &s.PortworxVolume }),
	marked(func(s *corev1.VolumeSource) **corev1.ScaleIOVolumeSource { return &s.ScaleIO }),
	marked(func(s *corev1.VolumeSource) **corev1.StorageOSVolumeSource { return &s.StorageOS }),
}

// marked answers a function that marks one source in `to` when `from` has it, without its contents, and says whether it did.
func marked[T any](source func(*corev1.VolumeSource) **T) func(from, to *corev1.VolumeSource) bool {
	return func(from, to *corev1.VolumeSource) bool {
		if *source(from) == nil {
			return false
		}
		*source(to) = new(T)
		return true
	}
}

// reduceVolumes keeps the volumes that some check minds, in their order.
func reduceVolumes(volumes []corev1.Volume) []corev1.Volume {
	var kept []corev1.Volume
	for i := range volumes {
		if volume, minds := reduceVolume(&volumes[i]); minds {
			kept = append(kept, volume)
		}
	}
	return kept
}

// reduceVolume keeps the name and a mark of the source. A volume of a source unknown to the library shows as one without any, which restricted forbids,
// so it stays. One that has an accepted source besides a host path (the API refuses it, the checks do not) is minded by baseline alone.
func reduceVolume(volume *corev1.Volume) (reduced corev1.Volume, minds bool) {
	reduced.Name = volume.Name
	if slices.ContainsFunc(accepted, func(has func(*corev1.VolumeSource) bool) bool { return has(&volume.VolumeSource) }) {
		if volume.HostPath == nil {
			return corev1.Volume{}, false
		}
		reduced.HostPath, reduced.EmptyDir = &corev1.HostPathVolumeSource{}, &corev1.EmptyDirVolumeSource{}
		return reduced, true
	}
	for _, mark := range minded {
		if mark(&volume.VolumeSource, &reduced.VolumeSource) {
			break
		}
	}
	return reduced, true
}
