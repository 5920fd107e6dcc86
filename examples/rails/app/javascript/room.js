import { cable } from "./cable.js";

/**
 * Enters a room: `onMessage` hears each message once, in order, also those that were sent while the connection was gone; `onPresent` who is
 * there, by id, whenever that changes; `onMissed` that too much time has passed, so that something is missing and the page has to be loaded anew.
 */
export function enterRoom(id, { onMessage, onPresent, onMissed }) {
  const channel = cable.subscribeTo("ChatChannel", { id });
  const tellWhoIsThere = async () => onPresent(await channel.presence.info());
  channel.on("message", onMessage);
  channel.on("connect", () => {
    // After a restored connection the client's own list may be old: who came and went meanwhile is not told later.
    channel.presence.reset();
    void tellWhoIsThere();
  });
  channel.on("presence", ({ type }) => {
    if (type === "join" || type === "leave") void tellWhoIsThere();
  });
  channel.on("info", ({ type }) => {
    if (type === "history_not_found") onMissed();
  });
  return channel;
}
