-- Sends the bodies of a file, one after the other, and counts the answers that say valid.
local bodies = {}
local nextBody = 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  nextBody = tonumber(args[2]) or 0
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if args[3] then wrk.headers["Authorization"] = "Bearer " .. args[3] end
  valid = 0
end

function request()
  nextBody = nextBody % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[nextBody])
end

function response(status, headers, body)
  if status == 200 and body:find('"isValid":true', 1, true) then valid = valid + 1 end
end

function done(summary, latency, requests)
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + thread:get("valid") end
  io.write(string.format(
    '\nRESULT {"requests":%d,"valid":%d,"durationUs":%d,"p50Us":%d,"p95Us":%d,"p99Us":%d,"timeouts":%d,"socketErrors":%d}\n',
    summary.requests, sum, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    summary.errors.timeout, summary.errors.connect + summary.errors.read + summary.errors.write))
end
