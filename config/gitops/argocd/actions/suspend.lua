-- SPDX-License-Identifier: Apache-2.0

-- Nothing is written while a PodSecurityRollout is suspended; what is enforced stays enforced.

obj.spec.suspend = true
return obj
