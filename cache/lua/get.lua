-- Reads a living entry; writes nothing.
-- KEYS  1 entry (hash)
-- ARGV  1 etag of the copy the caller has, or ''
-- Returns {server ms} when there is none, else
--   {server ms, counter at its write, stamp ms, ttl left ms, etag, media type, tags joined by \n, value}; the value is '' when
--   the etag is the caller's (equal etag: equal value and media type).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local meta = redis.call('HMGET', KEYS[1], 'n', 's', 'e', 'c', 't', 'd')
local ttl = redis.call('PTTL', KEYS[1])
if not meta[1] or meta[6] or ttl < 0 then -- 0: less than a millisecond is left
  return {now}
end
local value = ''
if meta[3] ~= ARGV[1] then
  value = redis.call('HGET', KEYS[1], 'v')
end
return {now, tonumber(meta[1]), tonumber(meta[2]), ttl, meta[3], meta[4], meta[5], value}
