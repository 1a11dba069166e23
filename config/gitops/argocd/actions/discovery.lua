-- SPDX-License-Identifier: Apache-2.0

-- Which of the actions of a PodSecurityRollout can be taken now.

local suspended = obj.spec.suspend == true
return {
  suspend = { disabled = suspended },
  resume = { disabled = not suspended },
}
