/** A page says its encoding within its first bytes (HTML standard, "prescan a byte stream to determine its encoding"). */
const PRESCAN_BYTES = 1024;

/** A page's text: UTF-8 if it is valid as that, else as the page declares, else windows-1252 as browsers assume. */
export function decodeHtml(bytes: Uint8Array): string {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, PRESCAN_BYTES));
  const declared = /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(start)?.[1];
  for (const [label, fatal] of [
    ["utf-8", true],
    [declared ?? "windows-1252", false],
  ] as const) {
    try {
      return new TextDecoder(label, { fatal }).decode(bytes).replaceAll("\0", "");
    } catch {
      // Not that encoding, or a label that nobody knows.
    }
  }
  return new TextDecoder("windows-1252").decode(bytes).replaceAll("\0", "");
}
