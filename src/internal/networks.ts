import { BlockList, isIP } from "node:net";

/** Words that stand for ranges. */
const words: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/** Whether an IP address, as `plainAddress` writes it, is in one of the networks. */
export type Networks = (address: string) => boolean;

/** Takes addresses, ranges in CIDR notation, and the words `loopback` and `private`. What is none of these is left out. */
export function networks(texts: readonly string[]): Networks {
  const list = new BlockList();
  for (const { address, prefix } of texts.flatMap((text) => rangesOf(text) ?? [])) list.addSubnet(address, prefix, familyOf(address));
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}

/** Whether `networks` understands it. */
export function isNetwork(text: string): boolean {
  return rangesOf(text) !== undefined;
}

/** An IP address in one spelling: an IPv4 peer of a dual-stack socket as IPv4, and no zone. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/s, "");
}

function rangesOf(text: string): readonly { readonly address: string; readonly prefix: number }[] | undefined {
  if (Object.hasOwn(words, text)) return words[text]!.flatMap((range) => rangesOf(range) ?? []);
  const [address = "", prefix, ...rest] = text.split("/");
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0 || address.includes("%") || rest.length > 0) return undefined;
  if (prefix === undefined) return [{ address, prefix: bits }];
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits ? [{ address, prefix: Number(prefix) }] : undefined;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
