const SYLLABLES = ["ka", "lo", "mi", "ren", "su", "tar", "vo", "ne", "bel", "dis", "ga", "hu"] as const;

/**
 * Text of a length, without anything that JSON would have to escape: a list as applications send it, whose words don't repeat. It compresses
 * as such text does, to about a quarter.
 */
export function filling(bytes: number): string {
  let text = "";
  for (let item = 1; text.length < bytes; item += 1) {
    text += `<li class='message message--unread' id='message_${item * 7_919}'><b>${words(item, 2)}</b><p>${words(item + 1, 12)}</p></li>`;
  }
  return text.slice(0, bytes);
}

function words(seed: number, count: number): string {
  return Array.from({ length: count }, (_, at) => word(seed * 2_654_435_761 + at * 40_503)).join(" ");
}

function word(seed: number): string {
  let rest = seed % 1_000_003;
  let text = "";
  for (let at = 0; at < 3; at += 1) {
    text += SYLLABLES[rest % SYLLABLES.length];
    rest = Math.floor(rest / SYLLABLES.length);
  }
  return text;
}
