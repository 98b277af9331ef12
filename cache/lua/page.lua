-- One page of living keys, in order of their bytes.
-- KEYS  1 names (zset)  2 expiries (zset, ms)
-- ARGV  1 prefix  2 key after which to go on, not before the prefix, or ''  3 limit (1 - 1000)  4 prefix of entries
-- Returns {server ms, name to go on after or '', name, value bytes, ttl left ms, name, ...}. The entries' keys are made here;
-- they share the hash tag of KEYS.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
end
local prefix, after, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local from = after ~= '' and '(' .. after or '[' .. prefix
local to = prefix == '' and '+' or '(' .. prefix .. '\255'
local names = redis.call('ZRANGEBYLEX', KEYS[1], from, to, 'LIMIT', 0, limit + 1)
local reply = {now, ''}
if #names > limit then
  names[#names] = nil
  reply[2] = names[#names]
end
for _, name in ipairs(names) do
  local ttl = redis.call('PTTL', ARGV[4] .. name)
  if ttl > 0 then
    reply[#reply + 1] = name
    reply[#reply + 1] = redis.call('HSTRLEN', ARGV[4] .. name, 'v')
    reply[#reply + 1] = ttl
  end
end
return reply
