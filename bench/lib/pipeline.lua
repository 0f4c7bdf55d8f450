-- Sends requests in batches of sixteen.
local batch

init = function()
  batch = string.rep(wrk.format(nil, nil, nil, nil), 16)
end

request = function()
  return batch
end
