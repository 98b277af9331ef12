-- The server's time and the number of the last change; shows that the server takes writes.
-- KEYS  1 counter (string) 2 probe (string), of one partition
-- Returns {seconds, microseconds since the epoch by this server, number: 0 if there is none}
-- Expiry  the probe goes after 60 s
local time = redis.call('TIME')
redis.call('SET', KEYS[2], 1, 'EX', 60)
return {tonumber(time[1]), tonumber(time[2]), tonumber(redis.call('GET', KEYS[1]) or 0)}
