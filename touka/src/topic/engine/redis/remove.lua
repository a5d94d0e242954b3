-- Removes a topic, and notifies the nodes that follow it.
--
-- KEYS: 1 the stream of events, 2 the hash with the topic's state
-- ARGV: 1 channel
-- Returns the epoch of the topic, or ''.
local epoch = redis.call('HGET', KEYS[2], 'e') or ''
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('SPUBLISH', ARGV[1], 'removed ' .. epoch)
return epoch
