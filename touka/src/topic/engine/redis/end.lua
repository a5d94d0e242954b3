-- Ends the streams of a topic on all nodes after its newest event: its feed has ended. Gives up the right to run it.
--
-- KEYS: 1 the stream of events, 2 the hash with the topic's state, 3 the holder of the right
-- ARGV: 1 the holder's name, 2 reason, 3 the last event of the streams, 4 channel, 5 epoch of a new topic,
--       6 lifetime of an unused topic in ms, or 0 for no limit
-- Returns {epoch, number of the end, offset of the newest event}, or {} if another node has the right.
local stream, state = KEYS[1], KEYS[2]
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[1] then
    return {}
end
redis.call('DEL', KEYS[3])
local clock = redis.call('TIME')
local s = redis.call('HMGET', state, 'e', 'o', 'n')
local epoch, offset = s[1], s[2]
if not epoch then
    -- Redis has lost the topic. The nodes learn of the end by the state of a new one.
    epoch, offset = ARGV[5], '0'
    local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
    redis.call('DEL', stream)
    redis.call('HSET', state, 'e', epoch, 'o', '0', 't', '0', 'b', '0', 'f', '0', 'a', now)
    if ARGV[6] ~= '0' then
        redis.call('PEXPIRE', state, ARGV[6])
    end
end
-- A time in us: after a rollback, a count would give numbers again that nodes take for ends that they know.
local number = string.format('%.0f', math.max(tonumber(s[3] or '0') + 1, clock[1] * 1000000 + clock[2]))
redis.call('HSET', state, 'n', number, 'na', offset, 'nr', ARGV[2], 'nl', ARGV[3])
redis.call('SPUBLISH', ARGV[4], table.concat({'ended', epoch, number, offset, ARGV[2]}, ' ') .. '\n' .. ARGV[3])
return {epoch, number, offset}
