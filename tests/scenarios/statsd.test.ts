import { afterEach, describe, expect, it } from "vitest";
import { CableClient, publicStream } from "../support/cable-client.ts";
import { freePort } from "../support/free-port.ts";
import { standalone, startRopeway, type Ropeway } from "../support/ropeway.ts";
import { sumsOf, udpReceiver } from "../support/udp-receiver.ts";

describe("metrics to StatsD", () => {
  let ropeway: Ropeway | undefined;
  afterEach(() => ropeway?.stop());

  it("tell what the server did, to the last message, in packets that are not too long", async () => {
    const statsd = await udpReceiver();
    ropeway = await startRopeway([
      ...standalone,
      `--statsd_host=localhost:${statsd.port}`,
      "--statsd_prefix=chat.",
      "--statsd_max_packet_size=200",
      "--statsd_tag_format=graphite",
      "--metrics_tags=env:test",
      "--metrics_rotate_interval=1",
    ]);
    const client = await CableClient.connect(ropeway.cable);
    await client.subscribe(publicStream("a"));
    await expect.poll(() => statsd.packets.join("\n"), { timeout: 20_000 }).toContain("chat.clients_num;env=test:1|g");
    for (let number = 0; number < 3; number++) {
      expect(await ropeway.publish({ stream: "a", data: String(number) })).toBe(201);
      expect(await client.next()).toMatchObject({ message: number });
    }
    await client.close();
    await ropeway.stop();
    expect(sumsOf(statsd.packets)).toMatchObject({
      "chat.publications_total;env=test": 3,
      "chat.broadcast_msg_total;env=test": 3,
      "chat.publication_delivery_count;env=test": 3,
      "chat.client_msg_total;env=test": 1,
    });
    for (const packet of statsd.packets) expect(Buffer.byteLength(packet)).toBeLessThanOrEqual(200);
    await statsd.close();
  });

  it("disturb nobody when they arrive nowhere", async () => {
    ropeway = await startRopeway([...standalone, `--statsd_host=127.0.0.1:${await freePort()}`, "--metrics_rotate_interval=1"]);
    await ropeway.logged("StatsD can't be reached; trying on");
    const client = await CableClient.connect(ropeway.cable);
    await client.subscribe(publicStream("a"));
    expect(await ropeway.publish({ stream: "a", data: "1" })).toBe(201);
    expect(await client.next()).toMatchObject({ message: 1 });
    await client.close();
    expect(await ropeway.stop()).toBe(0);
    expect(ropeway.log.filter(({ msg }) => msg.startsWith("StatsD"))).toHaveLength(1);
  });
});
