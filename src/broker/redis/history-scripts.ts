import { positionFields } from "../../publications/envelope.ts";
import { RedisScript } from "../../redis/script.ts";

/**
 * A stream's epoch is good only under the replication id that it was begun under. A master gives itself a new one when it starts and when it
 * is promoted, and no other way leads to data from which acknowledged writes are missing; an id that comes back, like a run id after two
 * failovers, does not exist. Asked for in the script it can't be out of date, whatever connection the script came by.
 *
 * Head of a stream: `id`, `epoch`, `offset` of the newest publication, `newest` when it came, `dropped` when the newest came of those that
 * were trimmed or expired, `known` since when nothing was published that is not in here. Times are Unix ms of Redis's clock, never decreasing.
 */
const shared = `
local function number(value) return string.format('%.0f', value) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or 'unknown'

-- When this data set began.
local function birth(key)
  local born = redis.call('HMGET', key, 'id', 'at')
  if born[1] == id then return tonumber(born[2]) end
  redis.call('HSET', key, 'id', id, 'at', number(now))
  return now
end

-- A stream without a head has had no publication for an hour, or since the data set began.
local function silentSince(began) return math.max(began, now - 3600000) end

local function arrivalOf(text) return tonumber(string.sub(text, 1, 13)) end

-- Takes out what is too old. How many are left, and when the newest came that is not there any more.
local function forget(publications, kept, ttl, newest, dropped)
  while kept > 0 do
    local arrival = arrivalOf(redis.call('LINDEX', publications, 0))
    if arrival > now - ttl then return kept, dropped end
    redis.call('LPOP', publications)
    kept, dropped = kept - 1, arrival
  end
  return 0, newest
end
`;

/** KEYS: birth. → now */
export const birthScript: RedisScript = new RedisScript(`${shared}
birth(KEYS[1])
return number(now)
`);

/**
 * KEYS: head, publications, birth. ARGV: 1 not after this time, 2 limit, 3 ttl ms, 4 ttl of the head ms, 5 an epoch that was never used,
 * 6 envelope up to the stream, 7 the rest of it without its brace, 8 channel to pass it on and 9 the command
 * for that, if that is to be done.
 * → `{now}`: too late, nothing was done; `{now, epoch, offset}`
 */
export const appendScript: RedisScript = new RedisScript(`${shared}
local clock = number(now)
if now > tonumber(ARGV[1]) then return {clock} end
local head, publications = KEYS[1], KEYS[2]
local limit, ttl = tonumber(ARGV[2]), tonumber(ARGV[3])
local found = redis.call('HMGET', head, 'id', 'epoch', 'offset', 'newest', 'dropped')
local epoch, offset, newest, dropped = found[2], tonumber(found[3]), tonumber(found[4]), tonumber(found[5])
local isNew = found[1] ~= id
if isNew then
  epoch, offset, newest, dropped = ARGV[5], 0, 0, 0
  redis.call('DEL', head, publications)
end
if now < newest then now = newest end

local kept = redis.call('RPUSH', publications, number(now) .. ARGV[7])
offset = offset + 1
if ARGV[8] then
  local envelope = ARGV[6] .. ARGV[7] .. '${positionFields(`"' .. epoch .. '"`, `' .. number(offset) .. '`)}}'
  local heard = redis.pcall(ARGV[9], ARGV[8], envelope)
  if type(heard) == 'table' and heard.err then
    redis.call('RPOP', publications)
    return heard
  end
end

if kept == 1 and offset > 1 then dropped = newest end
if kept > limit then
  dropped = arrivalOf(redis.call('LINDEX', publications, kept - limit - 1))
  redis.call('LTRIM', publications, -limit, -1)
  kept = limit
end
kept, dropped = forget(publications, kept, ttl, now, dropped)
redis.call('PEXPIRE', publications, ARGV[3])
redis.call('HSET', head, 'id', id, 'epoch', epoch, 'offset', number(offset), 'newest', number(now), 'dropped', number(dropped))
if isNew then redis.call('HSET', head, 'known', number(silentSince(birth(KEYS[3])))) end
redis.call('PEXPIRE', head, ARGV[4])
return {clock, epoch, number(offset)}
`);

/**
 * KEYS: head, publications, birth. ARGV: 1 ttl ms, 2 offset after which publications are wanted or nothing, 3 time since which or nothing.
 * → `{birth, silent since}`: nothing is remembered; `{birth, known, epoch, offset, dropped, how many are kept, publications…}`: the last ones,
 * at least those that were asked for and are there.
 */
export const readScript: RedisScript = new RedisScript(`${shared}
local head, publications = KEYS[1], KEYS[2]
local found = redis.call('HMGET', head, 'id', 'epoch', 'offset', 'newest', 'dropped', 'known')
local began = ARGV[3] ~= '' and birth(KEYS[3]) or 0
if found[1] ~= id then return {number(began), number(silentSince(began))} end
local offset, dropped = tonumber(found[3]), tonumber(found[5])
local before = redis.call('LLEN', publications)
local kept
kept, dropped = forget(publications, before, tonumber(ARGV[1]), tonumber(found[4]), dropped)
if kept < before then redis.call('HSET', head, 'dropped', number(dropped)) end

local first = kept
if ARGV[2] ~= '' then first = math.max(0, math.min(kept, tonumber(ARGV[2]) - offset + kept)) end
if ARGV[3] ~= '' then
  local since, low, high = tonumber(ARGV[3]), 0, first
  while low < high do
    local middle = math.floor((low + high) / 2)
    if arrivalOf(redis.call('LINDEX', publications, middle)) < since then low = middle + 1 else high = middle end
  end
  first = low
end
local reply = {number(began), found[6], found[2], number(offset), number(dropped), kept}
if first < kept then
  for _, text in ipairs(redis.call('LRANGE', publications, first, -1)) do reply[#reply + 1] = text end
end
return reply
`);
