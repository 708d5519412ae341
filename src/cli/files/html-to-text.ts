import { type DefaultTreeAdapterTypes, parse } from "parse5";

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

export interface HtmlText {
  /** Text with its blocks apart; headings, lists and code as Markdown writes them. */
  readonly text: string;
  readonly title?: string;
}

/** Elements whose text nobody reads on the page. */
const UNREAD = new Set(["head", "script", "style", "noscript", "template", "svg", "iframe", "object"]);
/** Elements that stand on lines of their own. */
const BLOCKS = new Set(
  "address article aside blockquote body caption dd details dialog div dl dt fieldset figcaption figure footer form header hr html li main menu nav ol p pre section summary table tbody tfoot thead tr ul".split(
    " ",
  ),
);

/** The text of a page as a reader sees it, read as a browser does: missing end tags and character references included. */
export function htmlToText(html: string): HtmlText {
  const document = parse(html);
  const blocks = new BlockWriter();
  write(document, blocks);
  const title = titleOf(document)?.replaceAll(/\s+/g, " ").trim();
  return { text: blocks.text(), ...(title === undefined || title === "" ? {} : { title }) };
}

function write(node: Node, blocks: BlockWriter): void {
  if ("value" in node) blocks.add(node.value);
  if (!("childNodes" in node)) return;
  const name = node.nodeName;
  if (UNREAD.has(name)) return;
  if (name === "br") blocks.add("\n");
  else if (name === "pre") blocks.addCode(textOf(node as Element));
  else if (/^h[1-6]$/.test(name)) blocks.addBlock(`${"#".repeat(Number(name[1]))} `, node, write);
  else if (name === "li") blocks.addBlock("- ", node, write);
  else if (BLOCKS.has(name)) blocks.addBlock("", node, write);
  else for (const child of node.childNodes) write(child, blocks);
  if (name === "td" || name === "th") blocks.add(" ");
}

/** Collects inline text into blocks. White space is folded as a browser folds it. */
class BlockWriter {
  readonly #blocks: string[] = [];
  #inline = "";
  #prefix = "";

  add(text: string): void {
    this.#inline += text;
  }

  addBlock(prefix: string, node: { readonly childNodes: readonly Node[] }, writeChild: typeof write): void {
    this.#end();
    if (prefix !== "") this.#prefix = prefix;
    for (const child of node.childNodes) writeChild(child, this);
    this.#end();
    this.#prefix = "";
  }

  addCode(text: string): void {
    this.#end();
    const code = text.replace(/^\n/, "").trimEnd();
    if (code.trim() === "") return;
    // A fence longer than any inside.
    const fence = "`".repeat(Math.max(3, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)));
    this.#blocks.push(`${fence}\n${code}\n${fence}`);
  }

  text(): string {
    this.#end();
    return this.#blocks.join("\n\n");
  }

  #end(): void {
    const text = this.#inline.replaceAll(/\s+/g, " ").trim();
    this.#inline = "";
    if (text === "") return;
    this.#blocks.push(this.#prefix + text);
    this.#prefix = "";
  }
}

function textOf(node: Node): string {
  if ("value" in node) return node.value;
  if (node.nodeName === "br") return "\n";
  return "childNodes" in node ? node.childNodes.map(textOf).join("") : "";
}

function titleOf(node: Node): string | undefined {
  if (node.nodeName === "title") return textOf(node);
  if (!("childNodes" in node) || node.nodeName === "body" || node.nodeName === "svg") return undefined;
  for (const child of node.childNodes) {
    const title = titleOf(child);
    if (title !== undefined) return title;
  }
  return undefined;
}
