-- Stores entries, each unless a newer one is there; one number and one announcement for all of them.
-- KEYS  1 counter  2 names (zset, order by bytes)  3 expiries (zset, ms)  4 purges (zset, stamp ms)  5.. entries (hashes)
-- ARGV  1 prefix of tag sets  2 channel  then 9 per entry:
--         key | value | media type | etag | ttl ms (>= 1) | stamp: server ms at which it was written |
--         slack ms by which a stored entry may be newer and still be replaced, 0: a write of the past | tags joined by \n |
--         number of the stored entry that the writer knows to be the older one, 0: none. Clocks are compared to within half a
--         round trip, so a write of the past soon after the one it replaces would else lose against it
-- Returns "server-ms number ab ab …", per entry a = 1 stored, 0 a newer one is there; b = 1 a living entry was replaced.
-- One string, because it is the cheapest reply to parse.
-- Numbers stay below 2^53. Every key expires: the entry by its ttl, indexes after their last entry, the counter after a day
-- without a change (it then starts again from the server's microseconds, which is above any earlier value).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tag_sets, number = ARGV[1], 0

local function outlive(name, ms)
  if redis.call('PTTL', name) < ms then
    redis.call('PEXPIRE', name, ms + 60000)
  end
end

local function overtaken_by_purge(key, stamp, tags)
  for _, purge in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. string.format('%.0f', stamp), '+inf')) do
    local kind, arg = purge:sub(1, 1), purge:sub(2)
    if kind == 'a' or (kind == 'p' and key:sub(1, #arg) == arg)
      or (kind == 't' and ('\n' .. tags .. '\n'):find('\n' .. arg .. '\n', 1, true)) then
      return true
    end
  end
  return false
end

local marks, stored, longest = {}, {}, 0
for i = 5, #KEYS do
  local at = 3 + (i - 5) * 9
  local key, ttl, slack, tags = ARGV[at], tonumber(ARGV[at + 4]), tonumber(ARGV[at + 6]), ARGV[at + 7]
  local replaces = ARGV[at + 8]
  local stamp = math.min(tonumber(ARGV[at + 5]), now)
  local old = redis.call('HMGET', KEYS[i], 's', 'd', 't', 'n')
  if old[4] == replaces then
    stamp = math.max(stamp, tonumber(old[1]))
  end
  if (old[1] and tonumber(old[1]) > stamp + slack) or (slack == 0 and overtaken_by_purge(key, stamp, tags)) then
    marks[#marks + 1] = '00'
  else
    if number == 0 then
      redis.call('SET', KEYS[1], string.format('%.0f', time[1] * 1000000 + time[2]), 'NX')
      number = redis.call('INCR', KEYS[1])
      redis.call('PEXPIRE', KEYS[1], 86400000)
    end
    if old[2] then
      redis.call('HDEL', KEYS[i], 'd')
    end
    if old[3] and old[3] ~= tags then
      for tag in old[3]:gmatch('[^\n]+') do
        redis.call('ZREM', tag_sets .. tag, key)
      end
    end
    redis.call('HSET', KEYS[i], 'v', ARGV[at + 1], 'c', ARGV[at + 2], 'e', ARGV[at + 3], 't', tags,
      's', string.format('%.0f', stamp), 'n', string.format('%.0f', number))
    redis.call('PEXPIRE', KEYS[i], ttl)
    redis.call('ZADD', KEYS[2], 0, key)
    redis.call('ZADD', KEYS[3], now + ttl, key)
    for tag in tags:gmatch('[^\n]+') do
      redis.call('ZREMRANGEBYSCORE', tag_sets .. tag, '-inf', now)
      redis.call('ZADD', tag_sets .. tag, now + ttl, key)
      outlive(tag_sets .. tag, ttl)
    end
    longest = math.max(longest, ttl)
    stored[#stored + 1] = key
    marks[#marks + 1] = (old[1] and not old[2]) and '11' or '10'
  end
end

if number > 0 then
  outlive(KEYS[2], longest)
  outlive(KEYS[3], longest)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 8 * #stored)
  if #gone > 0 then
    redis.call('ZREM', KEYS[2], unpack(gone))
    redis.call('ZREM', KEYS[3], unpack(gone))
  end
  redis.call('PUBLISH', ARGV[2], cjson.encode({string.format('%.0f', number), unpack(stored)}))
end
return string.format('%.0f %.0f ', now, number) .. table.concat(marks, ' ')
