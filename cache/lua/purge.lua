-- Purges one batch; called again with what it returns until there is no more.
-- KEYS  1 counter  2 names (zset)  3 expiries (zset, ms)  4 purges (zset, stamp ms)
-- ARGV  1 kind: a everything | p prefix | t tag  2 the prefix or tag  3 where to go on, '' at first  4 batch (1 - 1000)
--       5 stamp: server ms; entries written later stay; -1 at first for "now"  6 slack ms by which a stored entry may be newer
--       and still go: of a purge of the past, since clocks are compared to within half a round trip, and to purge too much
--       costs misses  7 prefix of entries  8 prefix of tag sets  9 channel  10 how long the purge is remembered, ms, so that
--       older writes that come late stay out  11.. names to look at instead of those in the indexes (`where to go on` is then
--       not used)
-- Returns {server ms, stamp, where to go on or '', counter or 0, removed names...}.
-- The entries' keys are made here; they share the hash tag of KEYS.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kind, arg, after, batch = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local stamp = tonumber(ARGV[5])
if stamp < 0 or stamp > now then
  stamp = now
end
if after == '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - tonumber(ARGV[10]))
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1000)
  redis.call('ZADD', KEYS[4], 'GT', stamp, kind .. arg)
  redis.call('PEXPIRE', KEYS[4], ARGV[10])
end

local names, skipped = nil, 0
if #ARGV > 10 then
  names = {unpack(ARGV, 11)}
elseif kind == 't' then
  skipped = tonumber(after) or 0
  names = redis.call('ZRANGE', ARGV[8] .. arg, skipped, skipped + batch - 1)
else
  local from = after == '' and '[' .. arg or '(' .. after
  names = redis.call('ZRANGEBYLEX', KEYS[2], from, arg == '' and '+' or '(' .. arg .. '\255', 'LIMIT', 0, batch)
end

local removed, reply = {}, {now, stamp, '', 0}
for _, name in ipairs(names) do
  local entry = redis.call('HMGET', ARGV[7] .. name, 's', 'd', 't')
  local living = entry[1] and not entry[2]
  local tagged = living and (kind ~= 't' or ('\n' .. entry[3] .. '\n'):find('\n' .. arg .. '\n', 1, true))
  if living and tagged and tonumber(entry[1]) <= stamp + tonumber(ARGV[6]) then
    redis.call('DEL', ARGV[7] .. name)
    for tag in entry[3]:gmatch('[^\n]+') do
      redis.call('ZREM', ARGV[8] .. tag, name)
    end
    redis.call('ZREM', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
    removed[#removed + 1] = name
    reply[#reply + 1] = name
  else
    skipped = skipped + 1
  end
end
if #ARGV == 10 and #names == batch then
  reply[3] = kind == 't' and tostring(skipped) or names[#names]
end
if #removed > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', time[1] * 1000000 + time[2]), 'NX')
  reply[4] = redis.call('INCR', KEYS[1])
  redis.call('PEXPIRE', KEYS[1], 86400000)
  redis.call('PUBLISH', ARGV[9], cjson.encode({string.format('%.0f', reply[4]), unpack(removed)}))
end
return reply
