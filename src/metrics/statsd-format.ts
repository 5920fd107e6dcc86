import type { Reading } from "./interval-readings.ts";

/** How tags are written, by the name that `statsd_tags_format` has for it. */
export type StatsdTagsFormat = "datadog" | "influxdb" | "graphite";

export interface StatsdFormatOptions {
  /** Stands before every name, its dot included. */
  readonly prefix: string;
  readonly tagsFormat: StatsdTagsFormat;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * A reading as a line of StatsD: `prefix.name:2|c` for a counter, `prefix.name:7|g` for a gauge, with the tags where the format wants
 * them. As in AnyCable a counter that did not grow is not sent; undefined then.
 */
export function statsdLines(options: StatsdFormatOptions): (reading: Reading) => string | undefined {
  const { prefix, tagsFormat } = options;
  // An empty value is malformed in some formats, and says nothing in any.
  const tags = Object.entries(options.tags).filter(([, value]) => value !== "");
  const { join, behindName, behindValue } = formats[tagsFormat];
  const pairs = tags.map(([name, value]) => `${name}${join}${cleaned(value, tagsFormat)}`);
  const nameTags = behindName(pairs);
  const valueTags = pairs.length > 0 ? behindValue(pairs) : "";
  return ({ name, kind, value }) => {
    if (kind === "counter" && value === 0) return undefined;
    return `${prefix}${name}${nameTags}:${value}|${kind === "counter" ? "c" : "g"}${valueTags}`;
  };
}

interface TagsSyntax {
  /** Between a tag's name and its value. */
  readonly join: string;
  readonly behindName: (pairs: readonly string[]) => string;
  readonly behindValue: (pairs: readonly string[]) => string;
  /** What can't stand in a value, because it ends it. */
  readonly reserved: RegExp;
}

const nothing = (): string => "";

const formats: Readonly<Record<StatsdTagsFormat, TagsSyntax>> = {
  datadog: { join: ":", behindName: nothing, behindValue: (pairs) => `|#${pairs.join(",")}`, reserved: /[,|#\s\p{Cc}]/gu },
  influxdb: {
    join: "=",
    behindName: (pairs) => pairs.map((pair) => `,${pair}`).join(""),
    behindValue: nothing,
    reserved: /[,=:|\s\p{Cc}]/gu,
  },
  graphite: {
    join: "=",
    behindName: (pairs) => pairs.map((pair) => `;${pair}`).join(""),
    behindValue: nothing,
    reserved: /[;:|~\s\p{Cc}]/gu,
  },
};

function cleaned(value: string, format: StatsdTagsFormat): string {
  return value.replaceAll(formats[format].reserved, "_");
}

/** Lines put together into packets of at most `maxBytes`, in order. `tooLong` are those that fit into none. */
export function statsdPackets(
  lines: Iterable<string>,
  maxBytes: number,
): { readonly packets: readonly Buffer[]; readonly tooLong: readonly string[] } {
  const packets: Buffer[] = [];
  const tooLong: string[] = [];
  let waiting: string[] = [];
  let bytes = 0;
  const send = (): void => {
    if (waiting.length > 0) packets.push(Buffer.from(waiting.join("\n")));
    waiting = [];
    bytes = 0;
  };
  for (const line of lines) {
    const length = Buffer.byteLength(line);
    if (length > maxBytes) {
      tooLong.push(line);
      continue;
    }
    const withNewline = waiting.length > 0 ? length + 1 : length;
    if (bytes + withNewline > maxBytes) send();
    bytes += waiting.length > 0 ? length + 1 : length;
    waiting.push(line);
  }
  send();
  return { packets, tooLong };
}
