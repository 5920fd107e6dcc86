/**
 * Whether `pattern` fits the whole of `text`: `*` stands for any characters, or none, everything else for itself. Linear in the text for each
 * piece between stars.
 */
export function matches(pattern: string, text: string): boolean {
  const [first, ...pieces] = pattern.split("*");
  const last = pieces.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first!)) return false;
  let from = first!.length;
  for (const piece of pieces) {
    const at = text.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
