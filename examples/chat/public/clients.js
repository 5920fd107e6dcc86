// The two clients behind one small face. Each connects under a name, joins the room, appears, and tells what happens:
//   onState("connecting" | "connected" | "reconnecting" | "refused")
//   onMessage(message)   from ChatChannel
//   onPeople(people)     from AppearanceChannel
//   onPresent(names)     who is present in the room; the AnyCable client alone knows
//   onMissed()           what was said while the connection was away can't be had any more; the same
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

export function connectAnyCable(url, room, via, { onState, onMessage, onPeople, onPresent, onMissed }) {
  // The extended protocol: the client comes back to its session, and asks for what it missed.
  const cable = createCable(url, { logLevel: "error", protocol: "actioncable-v1-ext-json" });
  const name = new URL(url).searchParams.get("name");
  onState("connecting");

  const chat = cable.subscribeTo("ChatChannel", { room });
  const showPresent = () =>
    chat.presence.info().then(
      (present) => onPresent(Object.values(present).map((info) => info.name)),
      () => onPresent([]),
    );
  chat.on("connect", () => {
    onState("connected");
    chat.presence.join(name, { name }).then(showPresent, () => {});
  });
  chat.on("presence", ({ type }) => {
    if (type !== "info") void showPresent();
  });
  chat.on("info", ({ type }) => {
    if (type === "history_not_found") onMissed();
  });
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
    async leave() {
      try {
        // Who only closes the connection might come back, and stays present for a while.
        if (chat.state === "connected") await chat.presence.leave();
      } finally {
        cable.disconnect();
      }
    },
  };
}
