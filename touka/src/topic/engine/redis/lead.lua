-- Gives the right to run the feed of a topic to a node, or extends it.
--
-- KEYS: 1 the holder
-- ARGV: 1 the holder's name, 2 the time until the right expires in ms
-- Returns {1, that time} if the node has the right, or {0, the time until it expires}.
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return {1, tonumber(ARGV[2])}
end
return {0, redis.call('PTTL', KEYS[1])}
