-- One bucket of a limit that gateways share: charges leases to it (GCRA with the server's time).
--
-- KEYS[1]  the bucket; its value is seven whole numbers:
--          level        units used at the instant `at`; a request costs as many units as the period has
--                       milliseconds, and in a millisecond the bucket wins back `requests` units
--          at           ms since the epoch, by this server
--          generation   ms at which the bucket was last unused; tokens of an earlier one are worth nothing
--          requests, period, burst   the numbers it was written under
--          since        ms since the epoch from which these numbers are in force
-- ARGV     1 requests  1..1e9      per period
--          2 period    1..8.64e7   ms
--          3 burst     1..1e9      requests
--          4 age       >= 0        ms for which the caller has had these numbers
--          5 need      >= 0        requests that wait for this call
--          6 want      >= need     a whole lot
--          7 replicas  >= 1        gateways that share
--          8 back      >= 0        tokens given back unused
--          9 generation >= 0       of these tokens
--         10 unreported >= 0       requests let pass while this server was unavailable
-- Returns  {granted, left: whole requests, wait: ms to the next whole request (0: there is one),
--           generation, full: ms until nothing is used}
-- Limits   units reach burst * period, exact up to 2^53: beyond, say 1e9 per day, off by 1e-6 of a request.
-- Expiry   a bucket goes when nothing of it is used any more; an unused one is not stored.

local SHARE = 10 -- a lot is at most this part of what is left, divided by the gateways

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local requests, period, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local since = now - tonumber(ARGV[4])
local need, want, replicas = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local back, of_generation, unreported = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])

local level, at, generation, changed = 0, now, 0, false
local stored = redis.call('GET', KEYS[1])
if stored then
  local f = {}
  for number in string.gmatch(stored, '%S+') do f[#f + 1] = tonumber(number) end
  level, at, generation = f[1], f[2], f[3]
  if at > now then at, changed = now, true end -- the server's clock was set back
  if f[4] == requests and f[5] == period and f[6] == burst then
    since = f[7]
  elseif since < f[7] then -- the caller has not heard of the last edit, which holds for all
    requests, period, burst, since = f[4], f[5], f[6], f[7]
  else -- an edit: what was used stays used, as at its instant, but at most a whole bucket
    local edited = math.min(math.max(since, at), now)
    level = math.ceil(math.max(0, level - f[4] * (edited - at)) * period / f[5])
    at, changed = edited, true
    if level > burst * period then level, generation = burst * period, math.max(now, generation + 1) end
  end
  level = math.max(0, level - requests * (now - at))
end
if level == 0 then generation = math.max(now, generation + 1) end
if back > 0 and of_generation == generation then
  level, changed = math.max(0, level - back * period), true
end
if unreported > 0 then -- it may lie above the burst: it is paid before anybody gets more
  level, changed = math.min(level + unreported * period, math.max(level, 2 * burst * period)), true
end

local left = math.max(0, math.floor((burst * period - level) / period))
local granted = math.min(left, math.max(need, math.min(want, math.floor(left / (SHARE * replicas)))))
level, left = level + granted * period, left - granted
local wait = 0
if left == 0 then wait = math.max(1, math.ceil((level + period - burst * period) / requests)) end
local full = math.ceil(level / requests)
if granted > 0 or changed then
  if level > 0 then
    local value = string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f',
      level, now, generation, requests, period, burst, since)
    redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', full + 1000))
  else
    redis.call('DEL', KEYS[1])
  end
end
return {granted, left, wait, generation, full}
