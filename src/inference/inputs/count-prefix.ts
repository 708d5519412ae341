/** Reading fewer tokens apart costs more than it saves. */
const SHORTEST_PREFIX = 8;

/** How many of an input's first tokens are read once for all inputs that begin with them: `before`, or none. At least one is left. */
export function countPrefix(before: number, length: number): number {
  return before >= SHORTEST_PREFIX && before < length ? before : 0;
}
