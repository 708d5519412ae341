/**
 * Lines of UTF-8 text, without their ends (`\n` or `\r\n`) and without a byte order mark. `node:readline` would also cut
 * at U+2028 and U+2029, which JSON strings may contain.
 */
export async function* splitLines(
  source: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  // The mark is taken off below, for text and bytes alike.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  let isStart = true;
  for await (const chunk of source) {
    let text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    if (isStart && text !== "") {
      isStart = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield withoutReturn(line);
  }
  rest += decoder.decode();
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
