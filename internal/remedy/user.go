// SPDX-License-Identifier: Apache-2.0

package remedy

// runAsNonRoot is set for the pod where that is enough, and changed where it is false.
//
// A container that is to be user 0 would not start with it, so there the field contradicts what was written and runAsUser goes as well, for this
// check where the version has none of its own for it.
func runAsNonRoot(v *violation) []Edit {
	edits := nonRootByDefault(v)
	if given := v.security.RunAsNonRoot; given != nil && !*given {
		edits = append(edits, change(podSecurity("runAsNonRoot"), true))
	}
	for _, c := range v.containers {
		if given := c.security.RunAsNonRoot; given != nil && !*given {
			edits = append(edits, change(c.securityPath("runAsNonRoot"), true))
		}
	}
	if !v.violates("runAsUser") {
		edits = append(edits, runAsUser(v)...)
	}
	return edits
}

// nonRootByDefault sets the field for the containers that neither have it nor get it from the pod: once, in the pod, unless some of them are to be user 0
// and others not.
func nonRootByDefault(v *violation) []Edit {
	if v.security.RunAsNonRoot != nil {
		return nil
	}
	var each []Edit
	ofRoot := 0
	for _, c := range v.containers {
		switch {
		case c.security.RunAsNonRoot != nil:
		case v.isRoot(c):
			ofRoot++
			each = append(each, change(c.securityPath("runAsNonRoot"), true))
		default:
			each = append(each, add(c.securityPath("runAsNonRoot"), true))
		}
	}
	switch {
	case len(each) == 0:
		return nil
	case ofRoot == 0:
		return []Edit{add(podSecurity("runAsNonRoot"), true)}
	case ofRoot == len(each):
		return []Edit{change(podSecurity("runAsNonRoot"), true)}
	}
	return each
}

// isRoot says whether the container is to run as user 0.
func (v *violation) isRoot(c container) bool {
	user := c.security.RunAsUser
	if user == nil {
		user = v.security.RunAsUser
	}
	return isZero(user)
}

// runAsUser leaves the user to the image.
func runAsUser(v *violation) []Edit {
	var edits []Edit
	if isZero(v.security.RunAsUser) {
		edits = append(edits, remove(podSecurity("runAsUser")))
	}
	for _, c := range v.containers {
		if isZero(c.security.RunAsUser) {
			edits = append(edits, remove(c.securityPath("runAsUser")))
		}
	}
	return edits
}

func isZero(user *int64) bool {
	return user != nil && *user == 0
}
