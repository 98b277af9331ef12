-- A gateway reports that it lives, and learns how many do.
--
-- KEYS[1]  sorted set: gateway -> ms since the epoch, by this server, of its last word
-- ARGV     1 gateway  its name
--          2 silence  1..86400000  ms after which one counts as gone
-- Returns  how many live, this one among them
-- Expiry   the set goes when nobody speaks for as long

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
