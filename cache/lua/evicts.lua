-- Whether this server may have evicted keys, indexes among them. Writes nothing.
-- KEYS  1 names (zset; only tells the slot)
-- Returns {1 it may have | 0 it has not}. A server that does not tell may have.
local memory, stats = redis.pcall('INFO', 'memory'), redis.pcall('INFO', 'stats')
if type(memory) ~= 'string' or type(stats) ~= 'string' then
  return {1}
end
local bounded = memory:match('maxmemory:(%d+)') ~= '0' and memory:match('maxmemory_policy:([%a-]+)') ~= 'noeviction'
return {(bounded or stats:match('evicted_keys:(%d+)') ~= '0') and 1 or 0}
