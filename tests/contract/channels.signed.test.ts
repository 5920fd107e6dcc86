import { cableReadyChannel, turboStreamsChannel } from "../../src/auth/signed-channels.ts";
import { nameBy, signedName } from "../support/signed-names.ts";
import { localChannelContract } from "./channels.contract.ts";

const secrets = ["s3Krit", "older"];
const turbo = nameBy("turbo-rails", "chat:2023");
const cableReady = nameBy("cable_ready");

/** The same rules for both, under each one's key. */
const rejected = (key: string, otherKey: string): Readonly<Record<string, Readonly<Record<string, unknown>>>> => ({
  "an identifier without a name": {},
  "a plain name": { stream_name: "chat" },
  "a plain name in place of the signed one": { [key]: "chat" },
  "a name with another signature": { [key]: signedName("chat", "other") },
  "a name signed with no key at all": { [key]: signedName("chat", "") },
  "a signed name under another key": { [otherKey]: signedName("chat") },
  "a number": { [key]: 7 },
  nothing: { [key]: null },
  "an empty name": { [key]: "" },
});

localChannelContract("of Turbo Streams", {
  channel: turboStreamsChannel(secrets),
  name: "Turbo::StreamsChannel",
  secret: "s3Krit",
  accepted: [
    { params: { signed_stream_name: turbo.signed }, stream: "chat:2023", whispers: false, presence: false },
    { params: { signed_stream_name: signedName("chat", "older") }, stream: "chat", whispers: false, presence: false },
  ],
  rejected: rejected("signed_stream_name", "identifier"),
});

localChannelContract("of CableReady", {
  channel: cableReadyChannel(secrets),
  name: "CableReady::Stream",
  secret: "s3Krit",
  accepted: [
    { params: { identifier: cableReady.signed }, stream: cableReady.name, whispers: false, presence: false },
    { params: { identifier: signedName("chat", "older") }, stream: "chat", whispers: false, presence: false },
  ],
  rejected: rejected("identifier", "signed_stream_name"),
});
