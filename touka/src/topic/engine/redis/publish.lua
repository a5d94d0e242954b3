-- Appends one event to a topic, trims the topic, and sends the event to the nodes that follow it.
--
-- KEYS: 1 the stream of events, 2 the hash with the topic's state, 3 the record of this publish
-- ARGV: 1 epoch of a new topic, 2 tag, 3 length of the key plus 1 or 0, 4 key and event, 5 maximum of events,
--       6 maximum of bytes, 7 maximum age in ms, 8 lifetime of an unused topic in ms, 9 channel,
--       10 the tags of earlier attempts that may have appended this event, or '',
--       11 lifetime of the record in ms, or 0 to write none
--       12 epoch, 13 offset and 14 tag of an event that was there before the first attempt; an empty epoch if none is known,
--       15 '1' if the record is that of an idempotency key, or '' if it is that of the attempts of this publish,
--       16 '1' if the event is the last one, which closes the topic, or ''
-- An age or a lifetime of 0 is unlimited. Returns {epoch, offset, tag, previous tag, time} of the event, also
-- if it was there already. Returns {} if it cannot be known whether the event is there, and {'closed'} if it is not there
-- because the topic is closed.
local stream, state = KEYS[1], KEYS[2]

local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
-- e: epoch, o: offset and t: tag of the newest event, b: bytes of all events so far,
-- f: bytes before the oldest event and a: its time, as of the last look at it, c: 1 if the newest event is the last one
local s = redis.call('HMGET', state, 'e', 'o', 't', 'b', 'f', 'a', 'c')
local epoch, previous, start = s[1], s[3] or '0', s[4] or '0'
-- An attempt that has got no answer may arrive after the one that was made in its place, and after the topic was removed
-- since. The record of an idempotency key from before the topic was removed does not count.
local record = redis.call('HMGET', KEYS[3], 'e', 'o', 't', 'p', 'm')
if record[1] and (record[1] == epoch or ARGV[15] == '') then
    return record
end
if not epoch then
    epoch = ARGV[1]
    redis.call('DEL', stream)
    redis.call('HSET', state, 'e', epoch, 'o', '0', 't', '0', 'b', '0', 'f', '0', 'a', now)
elseif ARGV[10] ~= '' then
    -- Searches for the event of an earlier attempt, back to the event that was there before, or else to the first one. The
    -- known event may be lost: then its offset says nothing.
    local tags = {}
    for tag in string.gmatch(ARGV[10], '%d+') do
        tags[tag] = true
    end
    local known = ARGV[12] == epoch and ARGV[13] .. ' ' .. ARGV[14] or '0 0'
    local reached = s[2] == '0' or s[2] .. ' ' .. previous == known
    local last, left = '+', 20
    while not reached and left > 0 do
        local entries = redis.call('XREVRANGE', stream, last, '-', 'COUNT', 256)
        for _, entry in ipairs(entries) do
            local o, t, p, m = string.match(entry[2][2], '^%d+ (%d+) (%d+) (%d+) (%d+)')
            if tags[t] then
                return {epoch, o, t, p, m}
            end
            if o == '1' or string.format('%.0f', tonumber(o) - 1) .. ' ' .. p == known then
                reached = true
                break
            end
            last = '(' .. entry[1]
        end
        left = left - 1
        if #entries < 256 then
            left = 0
        end
    end
    if not reached then
        return {}
    end
end
if s[7] then
    return {'closed'}
end

local length = #ARGV[4]
local total = tonumber(start) + length
local offset = string.format('%.0f', redis.call('HINCRBY', state, 'o', 1))
local head = table.concat({epoch, offset, ARGV[2], previous, now, start, ARGV[3]}, ' ')
redis.call('XADD', stream, offset .. '-0', 'h', head, 'd', ARGV[4])
redis.call('HSET', state, 't', ARGV[2], 'b', string.format('%.0f', total))
if ARGV[16] == '1' then
    redis.call('HSET', state, 'c', '1')
end
redis.call('SPUBLISH', ARGV[9], head .. '\n' .. ARGV[4])

-- The newest event stays.
local most_events = math.max(tonumber(ARGV[5]), 1)
local most_bytes, age = tonumber(ARGV[6]), tonumber(ARGV[7])
if redis.call('XLEN', stream) > most_events then
    redis.call('XTRIM', stream, 'MAXLEN', string.format('%.0f', most_events))
end
local first, since = tonumber(s[5] or '0'), tonumber(s[6] or now)
local looks = 0
while looks < 64 and (total - first > most_bytes or (age > 0 and now - since > age)) do
    looks = looks + 1
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    local o, m, b = string.match(oldest[2][2], '^%d+ (%d+) %d+ %d+ (%d+) (%d+)')
    first, since = tonumber(b), tonumber(m)
    if o == offset then
        break
    end
    if total - first > most_bytes or (age > 0 and now - since > age) then
        redis.call('XDEL', stream, oldest[1])
    end
end
if looks > 0 then
    redis.call('HSET', state, 'f', string.format('%.0f', first), 'a', string.format('%.0f', since))
end

if ARGV[8] ~= '0' then
    redis.call('PEXPIRE', stream, ARGV[8])
    redis.call('PEXPIRE', state, ARGV[8])
else
    redis.call('PERSIST', stream)
    redis.call('PERSIST', state)
end
if ARGV[11] ~= '0' then
    redis.call('HSET', KEYS[3], 'e', epoch, 'o', offset, 't', ARGV[2], 'p', previous, 'm', now)
    redis.call('PEXPIRE', KEYS[3], ARGV[11])
end
return {epoch, offset, ARGV[2], previous, now}
