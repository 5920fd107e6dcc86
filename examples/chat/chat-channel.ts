import { randomUUID } from "node:crypto";
import type { Answer, Channel, Subscription } from "./channel.ts";
import type { Publish } from "./publish.ts";

const keptMessages = 30;
const maxTextLength = 500;
const roomName = /^[\w-]{1,40}$/;

interface ChatMessage {
  readonly type: "message";
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly at: string;
}

/** Rooms where people speak. A newcomer gets the last 30 messages of the room, kept in memory. */
export function chatChannel(publish: Publish): Channel {
  const messagesByRoom = new Map<string, ChatMessage[]>();

  return {
    subscribe({ params }): Answer | "rejected" {
      const room = params["room"];
      if (typeof room !== "string" || !roomName.test(room)) return "rejected";
      const messages = messagesByRoom.get(room) ?? [];
      return { streams: [streamOf(room)], presence: streamOf(room), transmit: [{ type: "history", messages }] };
    },

    async perform({ client, params }, action, data): Promise<Answer> {
      if (action !== "speak") throw new Error(`ChatChannel has no action ${JSON.stringify(action)}`);
      const text = typeof data["text"] === "string" ? data["text"].trim() : "";
      if (text === "") return {};
      if (text.length > maxTextLength) return problem(`A message may have ${maxTextLength} characters; this one has ${text.length}.`);

      const room = String(params["room"]);
      const message: ChatMessage = { type: "message", id: randomUUID(), name: client.name, text, at: new Date().toISOString() };
      try {
        await publish(streamOf(room), message);
      } catch (error) {
        return problem(`Nobody heard you: ${error instanceof Error ? error.message : String(error)}`);
      }
      messagesByRoom.set(room, [...(messagesByRoom.get(room) ?? []), message].slice(-keptMessages));
      return {};
    },

    unsubscribe(_subscription: Subscription): void {},
  };
}

function streamOf(room: string): string {
  return `chat/${room}`;
}

function problem(text: string): Answer {
  return { transmit: [{ type: "problem", text }] };
}
