-- Deletes an entry, unless a newer one is there, and leaves a tombstone so that an older write that comes late stays out.
-- KEYS  1 entry (hash)  2 counter  3 names (zset)  4 expiries (zset, ms)
-- ARGV  1 key  2 stamp: server ms at which it was deleted  3 slack ms  4 number of the stored entry that is the older one:
--       both as in put.lua  5 prefix of tag sets  6 channel  7 tombstone ms
-- Returns {server ms, 1 done | 0 a newer one is there, 1 a living entry was removed | 0, counter or 0}. A deletion of the past
-- (slack 0) leaves a tombstone even when nothing was there.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slack = tonumber(ARGV[3])
local stamp = math.min(tonumber(ARGV[2]), now)
local old = redis.call('HMGET', KEYS[1], 's', 'd', 't', 'n')
if old[4] == ARGV[4] then
  stamp = math.max(stamp, tonumber(old[1]))
end
if old[1] and tonumber(old[1]) > stamp + slack then
  return {now, 0, 0, 0}
end
local found = old[1] and not old[2]
if not found and slack > 0 then
  return {now, 1, 0, 0}
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'd', 1, 's', string.format('%.0f', stamp))
redis.call('PEXPIRE', KEYS[1], ARGV[7])
if not found then
  return {now, 1, 0, 0}
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
for tag in old[3]:gmatch('[^\n]+') do
  redis.call('ZREM', ARGV[5] .. tag, ARGV[1])
end
redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000000 + time[2]), 'NX')
local counter = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], 86400000)
redis.call('PUBLISH', ARGV[6], cjson.encode({string.format('%.0f', counter), ARGV[1]}))
return {now, 1, 1, counter}
