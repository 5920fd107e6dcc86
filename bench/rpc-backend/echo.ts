/** What the application says: everybody comes in, every subscription is confirmed, and an action is answered with what came in it. */
export function welcome(sid: string): { readonly identifiers: string; readonly transmissions: string[] } {
  return { identifiers: JSON.stringify({ client: sid }), transmissions: [JSON.stringify({ type: "welcome", sid })] };
}

export function answersTo(command: string, identifier: string, data: string): string[] {
  if (command === "subscribe") return [JSON.stringify({ type: "confirm_subscription", identifier })];
  if (command === "message") return [JSON.stringify({ identifier, message: JSON.parse(data) as unknown })];
  return [];
}
