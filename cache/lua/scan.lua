-- Entries found without the indexes, some of them, for servers that may have evicted these. Writes nothing.
-- KEYS  1 names (zset; only tells the slot)
-- ARGV  1 cursor of SCAN, 0 at first  2 prefix of entries  3 pattern of the keys meant  4 how many keys to look at (1 - 1000)
-- Returns {server ms, cursor, name, value bytes, ttl left ms, name, ...}; cursor 0: all were seen. A name may come twice.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[3], 'COUNT', ARGV[4])
local reply = {now, found[1]}
for _, entry in ipairs(found[2]) do
  local ttl = redis.call('PTTL', entry)
  if ttl > 0 and redis.call('TYPE', entry)['ok'] == 'hash' and redis.call('HEXISTS', entry, 'n') == 1
    and redis.call('HEXISTS', entry, 'd') == 0 then
    reply[#reply + 1] = entry:sub(#ARGV[2] + 1)
    reply[#reply + 1] = redis.call('HSTRLEN', entry, 'v')
    reply[#reply + 1] = ttl
  end
end
return reply
