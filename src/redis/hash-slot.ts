/** A cluster of Redis spreads its keys over so many slots, and its nodes share the slots. */
export const slotCount = 16_384;

const crcTable = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/**
 * The slot of a key, or of a channel for sharded pub/sub: CRC16 (XMODEM) of its hash tag, which is what stands between the first `{` and the
 * next `}`, or of all of it when nothing does (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
 */
export function hashSlot(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const hashed = Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key);
  let crc = 0;
  for (const byte of hashed) crc = ((crc << 8) & 0xffff) ^ crcTable[(crc >> 8) ^ byte]!;
  return crc % slotCount;
}

/**
 * Hash tags, short numbers, for so many groups of keys. Their slots lie at equal distances, so that the nodes of a cluster, which have
 * ranges of slots, get equally many of them.
 * @param count A power of two, 1,024 at most.
 */
export function spreadHashTags(count: number): readonly string[] {
  const width = slotCount / count;
  const tags: string[] = [];
  for (let number = 0, found = 0; found < count; number++) {
    const group = Math.floor(hashSlot(String(number)) / width);
    if (tags[group] !== undefined) continue;
    tags[group] = String(number);
    found++;
  }
  return tags;
}
