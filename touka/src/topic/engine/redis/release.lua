-- Gives up the right to run the feed of a topic, and notifies the nodes that wait for it.
--
-- KEYS: 1 the holder
-- ARGV: 1 the holder's name, 2 channel
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
    redis.call('SPUBLISH', ARGV[2], 'free')
end
return 0
