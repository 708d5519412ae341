const MAX_NAME_BYTES = 1024;
const MAX_SEGMENT_BYTES = 255;

/**
 * Whether a file name from a repository can be joined to a folder without leaving it, on any operating system:
 * relative, `/` between parts, and no part that is empty, `.` or `..` or holds a backslash, a colon (drives and streams
 * on Windows) or a control character.
 */
export function isSafeFileName(name: unknown): name is string {
  if (typeof name !== "string" || name.length === 0 || Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\\:\x00-\x1f\x7f]/.test(name)) return false;
  return name.split("/").every(isSafeSegment);
}

/** Names a file in a message: control characters removed, long names cut. */
export function printableName(name: unknown): string {
  if (typeof name !== "string") return `a value of type ${typeof name}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would garble a terminal.
  const printable = name.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, "\uFFFD");
  return `"${printable.length > 120 ? `${printable.slice(0, 120)}…` : printable}"`;
}

function isSafeSegment(segment: string): boolean {
  // Windows drops dots and spaces at the end, so that "... " could become "..".
  return segment !== "" && !/[. ]$/.test(segment) && Buffer.byteLength(segment) <= MAX_SEGMENT_BYTES;
}
