import type { Option, OptionGroup } from "../option.ts";

function limit(name: string, what: string, unit: "1/s" | undefined, advice: string): Option {
  return {
    name,
    toml: `limits.${name}`,
    isOwn: true,
    type: "integer",
    default: 0,
    ...(unit !== undefined && { unit }),
    class: "works",
    text: `${what} 0 is no limit.`,
    advice,
  };
}

const burst = "Five seconds' worth may come at once: pages open all their subscriptions together.";
const closes = `${burst} A client that sends more is told rate_limited, with reconnect true, and closed with 1008.`;
const shared =
  "Offices and mobile networks put thousands of people behind one address, so be generous. IPv6 addresses count by their /64 network.";

/** Rates that a client may not exceed. All off by default: what is safe for everybody (message size, queued commands, subscriptions) is on elsewhere. */
export const limitOptions: OptionGroup = {
  title: "Rate limits",
  options: [
    limit("max_commands_per_second", "Messages that one connection may send per second, on average.", "1/s", closes),
    limit("max_bytes_per_second", "Bytes that one connection may send per second, on average.", "1/s", closes),
    limit(
      "max_whispers_per_second",
      "Whispers that one connection may send per second, on average.",
      "1/s",
      `${burst} More are dropped and counted, and the client stays.`,
    ),
    limit(
      "max_address_commands_per_second",
      "Messages that all connections of an address may send per second.",
      "1/s",
      `${closes} ${shared}`,
    ),
    limit("max_address_bytes_per_second", "Bytes that all connections of an address may send per second.", "1/s", `${closes} ${shared}`),
    limit(
      "max_address_whispers_per_second",
      "Whispers that all connections of an address may send per second.",
      "1/s",
      `${burst} ${shared}`,
    ),
    limit(
      "max_address_connects_per_second",
      "New connections of an address per second, on average.",
      "1/s",
      `${burst} More are answered 429. Too low a number keeps clients out after a restart, when all of an office come back together. ${shared}`,
    ),
    limit("max_address_connections", "Connections of an address at a time; more are answered 429.", undefined, shared),
  ],
};
