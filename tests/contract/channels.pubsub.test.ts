import { pubsubChannel } from "../../src/auth/pubsub-channel.ts";
import { nameBy, signedName } from "../support/signed-names.ts";
import { localChannelContract } from "./channels.contract.ts";

const secret = "s3Krit";
const ruby = nameBy("anycable-rb");
const js = nameBy("@anycable/serverless-js", "комната 🔑");
const signed = signedName("chat/1");

const malformed = {
  "an identifier that names nothing": {},
  "a name that is no text": { stream_name: 7 },
  "an empty name": { stream_name: "" },
  "a signed name that is no text": { signed_stream_name: { x: 1 } },
  "a signed name that is a number": { signed_stream_name: 7, stream_name: "chat/1" },
};

const badlySigned = {
  "a plain name in place of the signed one": { signed_stream_name: "chat/1" },
  "a name with another signature": { signed_stream_name: signedName("chat/1", "other") },
  "a name signed with no key at all": { signed_stream_name: signedName("chat/1", "") },
  "a bad signed name beside a good plain one": { signed_stream_name: "chat/1--00", stream_name: "chat/1" },
};

localChannelContract("$pubsub with signed streams", {
  channel: pubsubChannel({ name: "$pubsub", publicStreams: false, secrets: [secret, "older"], whisperInSigned: false }),
  name: "$pubsub",
  secret,
  accepted: [
    { params: { signed_stream_name: signed }, stream: "chat/1", whispers: false, presence: true },
    { params: { signed_stream_name: signedName("chat/1", "older") }, stream: "chat/1", whispers: false, presence: true },
    { params: { signed_stream_name: ruby.signed }, stream: ruby.name, whispers: false, presence: true },
    { params: { signed_stream_name: js.signed }, stream: js.name, whispers: false, presence: true },
    { params: { signed_stream_name: signed, stream_name: "other" }, stream: "chat/1", whispers: false, presence: true },
  ],
  rejected: { ...malformed, ...badlySigned, "a plain name": { stream_name: "chat/1" } },
});

localChannelContract("$pubsub with signed and public streams, and whispers in both", {
  channel: pubsubChannel({ name: "$pubsub", publicStreams: true, secrets: [secret], whisperInSigned: true }),
  name: "$pubsub",
  secret,
  accepted: [
    { params: { signed_stream_name: signed }, stream: "chat/1", whispers: true, presence: true },
    { params: { signed_stream_name: signed, stream_name: "other" }, stream: "chat/1", whispers: true, presence: true },
    { params: { stream_name: "chat/1" }, stream: "chat/1", whispers: true, presence: true },
    { params: { stream_name: "chat/1", signed_stream_name: "" }, stream: "chat/1", whispers: true, presence: true },
    { params: { stream_name: "chat/1", signed_stream_name: null }, stream: "chat/1", whispers: true, presence: true },
  ],
  rejected: { ...malformed, ...badlySigned },
});

localChannelContract("$pubsub with public streams and no secret, under another name", {
  channel: pubsubChannel({ name: "$streams", publicStreams: true, secrets: [], whisperInSigned: true }),
  name: "$streams",
  accepted: [{ params: { stream_name: "chat/1" }, stream: "chat/1", whispers: true, presence: true }],
  rejected: { ...malformed, ...badlySigned, "a signed name": { signed_stream_name: signed } },
});

localChannelContract("$pubsub that nobody configured", {
  channel: pubsubChannel({ name: "$pubsub", publicStreams: false, secrets: [], whisperInSigned: false }),
  name: "$pubsub",
  accepted: [],
  rejected: { ...malformed, ...badlySigned, "a plain name": { stream_name: "chat/1" }, "a signed name": { signed_stream_name: signed } },
});
