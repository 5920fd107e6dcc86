import { RedisScript } from "../../redis/script.ts";

// An entry is its version, a number, and the session, which begins with a brace. What was taken or forgotten is a word: whoever still writes
// then is late.

const shared = `
local head = redis.call('GETRANGE', KEYS[1], 0, 15)
local version = string.match(head, '^%d+')
`;

/** KEYS: entry. ARGV: version, session, ttl ms. Not when there is a newer one. */
export const saveScript: RedisScript = new RedisScript(`${shared}
if head ~= '' and (not version or tonumber(version) > tonumber(ARGV[1])) then return end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
`);

/** KEYS: entry. ARGV: version that was seen, ttl ms. → 1: taken, 0: it has changed or is gone. */
export const takeScript: RedisScript = new RedisScript(`${shared}
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'taken', 'PX', ARGV[2])
return 1
`);

/** KEYS: entry. ARGV: ttl ms. */
export const forgetScript: RedisScript = new RedisScript(`${shared}
if head ~= 'taken' then redis.call('SET', KEYS[1], 'forgotten', 'PX', ARGV[1]) end
`);
