-- Ends the streams of a topic on all nodes after its newest event: its feed has ended. Gives up the right to run it.
--
-- KEYS: 1 the hash with the topic's state, 2 the holder of the right
-- ARGV: 1 the holder's name, 2 reason, 3 the last event of the streams, 4 channel
-- Returns {epoch, number of the end, offset of the newest event}, or {} if another node has the right.
local epoch, holder = redis.call('HGET', KEYS[1], 'e'), redis.call('GET', KEYS[2])
if not epoch or (holder and holder ~= ARGV[1]) then
    return {}
end
redis.call('DEL', KEYS[2])
local number = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'n', 1))
local offset = redis.call('HGET', KEYS[1], 'o')
redis.call('HSET', KEYS[1], 'na', offset, 'nr', ARGV[2], 'nl', ARGV[3])
redis.call('SPUBLISH', ARGV[4], table.concat({'ended', epoch, number, offset, ARGV[2]}, ' ') .. '\n' .. ARGV[3])
return {epoch, number, offset}
