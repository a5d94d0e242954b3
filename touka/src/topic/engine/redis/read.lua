-- Reads events of a topic.
--
-- KEYS: 1 the stream of events, 2 the hash with the topic's state
-- ARGV: 1 epoch of a new topic, or '' to create none, 2 the offset after which to read, or '' for the newest events,
--       3 the last offset to read or '', 4 maximum of events, 5 maximum of bytes, 6 lifetime of an unused topic in ms,
--       or '' to leave it as it is
-- Returns {epoch, offset and tag of the newest event, time, end, events}. The end of the topic's last feed is
-- {number, offset, reason, last event}. Events are pairs of a head and a
-- body, the oldest first unless the newest were asked for. Without a topic, the epoch is ''. The first event is returned
-- whatever its size.
local stream, state = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local s = redis.call('HMGET', state, 'e', 'o', 't', 'n', 'na', 'nr', 'nl')
if not s[1] then
    if ARGV[1] == '' then
        return {'', '0', '0', now, {}, {}}
    end
    redis.call('DEL', stream)
    redis.call('HSET', state, 'e', ARGV[1], 'o', '0', 't', '0', 'b', '0', 'f', '0', 'a', now)
    s = {ARGV[1], '0', '0'}
end
if ARGV[6] ~= '' then
    if ARGV[6] ~= '0' then
        redis.call('PEXPIRE', stream, ARGV[6])
        redis.call('PEXPIRE', state, ARGV[6])
    else
        redis.call('PERSIST', stream)
        redis.call('PERSIST', state)
    end
end

local ended = s[4] and {s[4], s[5], s[6], s[7]} or {}
local events, count, bytes = {}, 0, 0
local most, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local newest = ARGV[2] == ''
local from, to
if newest then
    from, to = '+', '-'
else
    from, to = string.format('%.0f', tonumber(ARGV[2]) + 1), ARGV[3] ~= '' and ARGV[3] or '+'
end
local chunk = 16
while count < most do
    local entries = redis.call(newest and 'XREVRANGE' or 'XRANGE', stream, from, to, 'COUNT', math.min(chunk, most - count))
    for _, entry in ipairs(entries) do
        local head, body = entry[2][2], entry[2][4]
        bytes = bytes + #body
        if count > 0 and bytes > most_bytes then
            return {s[1], s[2], s[3], now, ended, events}
        end
        events[#events + 1], events[#events + 2] = head, body
        count = count + 1
        from = '(' .. entry[1]
    end
    if #entries < chunk then
        break
    end
    chunk = math.min(chunk * 2, 256)
end
return {s[1], s[2], s[3], now, ended, events}
