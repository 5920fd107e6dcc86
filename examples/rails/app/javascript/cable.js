import { createCable } from "@anycable/web";

// The protocol in which a client comes back to its session and asks for what it missed. Where to connect is in action_cable_meta_tag.
export const cable = createCable({ protocol: "actioncable-v1-ext-json" });
