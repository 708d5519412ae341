/** A stretch of text that belongs together: a heading, a paragraph with its lines, or a fenced code block. */
export interface Block {
  readonly kind: "heading" | "text" | "code";
  readonly start: number;
  /** Behind the last character that is not white space. */
  readonly end: number;
  /** The sections that the block lies in, outermost first; a heading lies in its own. */
  readonly headings: readonly string[];
}

/** CommonMark 0.31, "ATX headings" and "Fenced code blocks". */
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*\r?$/;
const FENCE = /^\s{0,3}(`{3,}|~{3,})(.*)$/;

/** Reads Markdown, or plain text, which is Markdown without headings. */
export function findBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  const sections: { readonly level: number; readonly title: string }[] = [];
  let open: { kind: "text" | "code"; start: number; end: number } | undefined;
  let fence: string | undefined;
  const headings = () => sections.map(({ title }) => title).filter((title) => title !== "");
  const close = () => {
    if (open !== undefined) blocks.push({ ...open, headings: headings() });
    open = undefined;
  };
  for (const { start, line } of linesOf(text)) {
    const end = start + line.trimEnd().length;
    if (fence !== undefined && open !== undefined) {
      if (end > start) open.end = end;
      if (closesFence(line, fence)) {
        fence = undefined;
        close();
      }
      continue;
    }
    const heading = HEADING.exec(line);
    const opening = opensFence(line);
    if (heading !== null) {
      close();
      const level = heading[1]?.length ?? 1;
      while ((sections.at(-1)?.level ?? 0) >= level) sections.pop();
      sections.push({ level, title: heading[2]?.trim() ?? "" });
      blocks.push({ kind: "heading", start, end, headings: headings() });
    } else if (opening !== undefined) {
      close();
      fence = opening;
      open = { kind: "code", start, end };
    } else if (end === start) {
      close();
    } else if (open === undefined) {
      open = { kind: "text", start, end };
    } else {
      open.end = end;
    }
  }
  close();
  return blocks;
}

function* linesOf(text: string): Generator<{ start: number; line: string }> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    yield { start, line: text.slice(start, end) };
    start = end + 1;
  }
}

function opensFence(line: string): string | undefined {
  const match = FENCE.exec(line);
  const [, marker, info] = match ?? [];
  // A line of code between backticks is no fence.
  return marker?.startsWith("`") && info?.includes("`") ? undefined : marker;
}

function closesFence(line: string, fence: string): boolean {
  const [, marker, rest] = FENCE.exec(line) ?? [];
  return marker !== undefined && rest?.trim() === "" && marker[0] === fence[0] && marker.length >= fence.length;
}
