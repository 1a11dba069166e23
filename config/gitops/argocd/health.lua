-- SPDX-License-Identifier: Apache-2.0

-- Health of PodSecurityRollout and NamespaceRollout for Argo CD, as kstatus reads both kinds.
-- A namespace that soaks for a week, waits for a person, or is suspended is Healthy: a sync
-- must not wait for it. What it waits for is in the message.

local function condition(kind)
  for _, c in ipairs((obj.status or {}).conditions or {}) do
    if c.type == kind then
      return c
    end
  end
  return {}
end

local function says(c)
  return (c.reason or "Unknown") .. ": " .. (c.message or "")
end

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "It is being deleted" }
end
if (obj.status or {}).observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at this generation yet" }
end
local stalled, ready = condition("Stalled"), condition("Ready")
if stalled.status == "True" then
  return { status = "Degraded", message = says(stalled) }
end
if ready.status ~= "True" then
  return { status = "Progressing", message = says(ready) }
end
return { status = "Healthy", message = says(condition("Progressing")) }
