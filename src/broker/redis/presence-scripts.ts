import { RedisScript } from "../../redis/script.ts";

/**
 * All scripts but the last work on KEYS: deadlines, sessions, ids of a stream, and the streams of its group in which somebody is present.
 * An id's value is when it joined, in µs, how many sessions are present as it, and its info. Times are those of Redis's clock.
 */
const shared = `
local deadlines, sessions, ids, present = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function number(value) return string.format('%.0f', value) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Says when to look after the stream: when its first session is due.
local function watch(stream)
  local first = redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', present, first[2], stream) else redis.call('ZREM', present, stream) end
end

-- When nobody is there any more to look after anything, it ends by itself.
local function endIn(ttl)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
end

-- Takes a session out. Its id, if it was the last one.
local function remove(session)
  redis.call('ZREM', deadlines, session)
  local id = redis.call('HGET', sessions, session)
  if not id then return false end
  redis.call('HDEL', sessions, session)
  local value = redis.call('HGET', ids, id) or ''
  local joined, count, info = string.match(value, '^(%d+) (%d+) (.*)$')
  if count and tonumber(count) > 1 then
    redis.call('HSET', ids, id, joined .. ' ' .. number(count - 1) .. ' ' .. info)
    return false
  end
  redis.call('HDEL', ids, id)
  return id
end
`;

/** ARGV: session, id, info, ttl ms, when all ends ms, stream. → 1: the id is new, 0: it is not, -1: the session is there as somebody else. */
export const joinScript: RedisScript = new RedisScript(`${shared}
local session, id, info = ARGV[1], ARGV[2], ARGV[3]
local was = redis.call('HGET', sessions, session)
if was and was ~= id then return -1 end
local value = redis.call('HGET', ids, id)
local joined, count = string.match(value or '', '^(%d+) (%d+) ')
if not joined then joined, count = number(time[1] * 1000000 + time[2]), 0 end
if not was or not value then count = count + 1 end
redis.call('HSET', ids, id, joined .. ' ' .. number(count) .. ' ' .. info)
redis.call('HSET', sessions, session, id)
redis.call('ZADD', deadlines, number(now + ARGV[4]), session)
watch(ARGV[6])
endIn(ARGV[5])
return value and 0 or 1
`);

/** ARGV: session, stream. → the id of which this was the last session, or nil. */
export const leaveScript: RedisScript = new RedisScript(`${shared}
local id = remove(ARGV[1])
watch(ARGV[2])
return id
`);

/** ARGV: ttl ms, when all ends ms, stream, sessions…. → the places of those that are not there, from 1. */
export const keepScript: RedisScript = new RedisScript(`${shared}
local missing = {}
for at = 4, #ARGV do
  if redis.call('HEXISTS', sessions, ARGV[at]) == 1 then
    redis.call('ZADD', deadlines, number(now + ARGV[1]), ARGV[at])
  else
    missing[#missing + 1] = at - 3
  end
end
watch(ARGV[3])
endIn(ARGV[2])
return missing
`);

/** ARGV: stream, at most so many sessions. → how many sessions were taken out because their time was up, and the ids that are gone with them. */
export const expireScript: RedisScript = new RedisScript(`${shared}
local reply = {0}
for _, session in ipairs(redis.call('ZRANGEBYSCORE', deadlines, '-inf', number(now), 'LIMIT', 0, ARGV[2])) do
  reply[1] = reply[1] + 1
  local id = remove(session)
  if id then reply[#reply + 1] = id end
end
watch(ARGV[1])
return reply
`);

/** KEYS: the streams of a group in which somebody is present. ARGV: at most so many. → those in which somebody's time is up. */
export const dueScript: RedisScript = new RedisScript(`
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
`);
