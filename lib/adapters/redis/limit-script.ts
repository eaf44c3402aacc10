/**
 * Minute, hour and month in one atomic step, by Redis's own clock.
 *
 * KEYS: the windows (a hash), the month (a count).
 * ARGV: limit of the minute, of the hour, hard limit of the month (-1: none), units of the month to take,
 *       whether the month is asked for (0 or 1), the least that the month's count must be (-1: none to offer).
 * Gives: who refused (0 nobody, 1 minute, 2 hour, 3 month, 4 the month needs a seed), then index, current and previous
 *       of minute and hour, the month's count, and the time in milliseconds.
 * A refused request changes nothing. The month's key lives for an hour and is then seeded anew, so that a unit lost
 * on the way (a process that died before it gave one back) is not lost for the rest of the month.
 */
export const LIMIT_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'mi', 'mc', 'mp', 'hi', 'hc', 'hp')

local function window(at, length)
  local index = math.floor(now / length)
  local seen = tonumber(stored[at] or -1)
  local current = tonumber(stored[at + 1] or 0)
  local previous = tonumber(stored[at + 2] or 0)
  if seen == index then return index, current, previous end
  if seen == index - 1 then return index, 0, current end
  return index, 0, 0
end

local function full(limit, current, previous, length)
  if limit < 0 then return false end
  return current + math.floor(previous * (length - now % length) / length) >= limit
end

local mi, mc, mp = window(1, 60000)
local hi, hc, hp = window(4, 3600000)
local units = tonumber(ARGV[4])
local month = 0
local refused = 0

if ARGV[5] == '1' then
  month = tonumber(redis.call('GET', KEYS[2]) or -1)
  local least = tonumber(ARGV[6])
  if month < 0 and least < 0 then return {4, mi, mc, mp, hi, hc, hp, 0, now} end
  if least > month then
    month = least
    redis.call('SET', KEYS[2], month, 'EX', 3600)
  end
end

local hard = tonumber(ARGV[3])
if full(tonumber(ARGV[1]), mc, mp, 60000) then refused = 1
elseif full(tonumber(ARGV[2]), hc, hp, 3600000) then refused = 2
elseif units > 0 and hard >= 0 and month + units > hard then refused = 3 end

if refused == 0 then
  mc = mc + 1
  hc = hc + 1
  redis.call('HSET', KEYS[1], 'mi', mi, 'mc', mc, 'mp', mp, 'hi', hi, 'hc', hc, 'hp', hp)
  redis.call('EXPIRE', KEYS[1], 7200)
  if units > 0 then month = redis.call('INCRBY', KEYS[2], units) end
end
return {refused, mi, mc, mp, hi, hc, hp, month, now}
`

/** Gives one unit of the month back, where the month's count is still there. */
export const GIVE_BACK_SCRIPT = `
if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
return 0
`
