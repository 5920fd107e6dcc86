// The two clients behind one small face. Each connects under a name, joins the room, appears, and tells what happens:
//   onState("connecting" | "connected" | "reconnecting" | "refused")
//   onMessage(message)   from ChatChannel
//   onPeople(people)     from AppearanceChannel
// and gives back leave() and speak(text), which rejects when the text can't be sent. Connecting again after a lost connection is their own work: nothing here does it.

import { createConsumer } from "@rails/actioncable";
import { createCable } from "@anycable/web";

export function connectRails(url, room, via, { onState, onMessage, onPeople }) {
  const consumer = createConsumer(url);
  onState("connecting");

  const chat = consumer.subscriptions.create(
    { channel: "ChatChannel", room },
    {
      connected: () => onState("connected"),
      disconnected: ({ willAttemptReconnect }) => onState(willAttemptReconnect ? "reconnecting" : "refused"),
      rejected: () => onState("refused"),
      received: onMessage,
    },
  );
  consumer.subscriptions.create("AppearanceChannel", {
    connected() {
      this.perform("appear", { via });
    },
    received: ({ people }) => onPeople(people),
  });

  return {
    async speak(text) {
      if (chat.perform("speak", { text }) === false) throw new Error("no connection");
    },
    leave: () => consumer.disconnect(),
  };
}

export function connectAnyCable(url, room, via, { onState, onMessage, onPeople }) {
  const cable = createCable(url, { logLevel: "error" });
  onState("connecting");

  const chat = cable.subscribeTo("ChatChannel", { room });
  chat.on("connect", () => onState("connected"));
  chat.on("disconnect", () => onState(cable.state === "closed" ? "refused" : "reconnecting"));
  chat.on("close", () => onState("refused"));
  chat.on("message", onMessage);

  const appearance = cable.subscribeTo("AppearanceChannel");
  appearance.on("connect", () => {
    // When the connection is lost meanwhile, the next one appears again.
    appearance.perform("appear", { via }).catch(() => {});
  });
  appearance.on("message", ({ people }) => onPeople(people));

  return {
    speak: (text) => chat.perform("speak", { text }),
    leave: () => cable.disconnect(),
  };
}
