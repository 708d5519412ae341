import { type ChatMessage, type ChatRenderer, unusableTemplate } from "./chat-template.ts";
import { fillPrompt, type PromptPiece } from "./prompt-pieces.ts";

/** How a message carries its text: as it is, or as a list of one part. */
export type MessageFormat = "flat" | "structured";

function chatMessage(role: string, text: string, format: MessageFormat): ChatMessage {
  return { role, content: format === "flat" ? text : [{ type: "text", text }] };
}

/** What no template says by itself. */
const QUERY = "q7vKxWquery2mZ";
const DOCUMENT = "d4hTyRdocument9pL";
const INSTRUCTION = "i5bNjSinstruction3wC";

/** White space that templates have no use for: put around a mark it shows whether the template takes it off. */
const START_SPACE = "\u2003\u2009";
const END_SPACE = "\u2009\u2003";

/** Pairs that a template which does more to its texts than put them in, or does it to some texts only, would betray. */
const PROBES: readonly (readonly [query: string, document: string])[] = [
  ["what is it?", "It is a thing."],
  [" \n\tspaces \n", "\n\n\tand more of them \t\n "],
  [`<b>&amp;</b> "double" 'single' \\n`, `{{ braces }} {% if %} <|im_end|> & < > " ' \\ \\n`],
  ["Größe 中文 🙂 e\u0301", "\u0301 İstanbul ß 東京 🙂\u00a0."],
  ["two\nlines", "three\r\nlines\n\nof it"],
  ["query ".repeat(300), `${"many words and then some. ".repeat(400)}end`],
  ["true", "none"],
  ["0", "[1, 2]"],
  ["question", ""],
];

/**
 * Finds where a template puts the two texts, by rendering marks in their place, and proves it with other texts.
 *
 * @throws PgVectorDBError `model_invalid` for a template that does not hold each text as it is, and the document once
 */
export function splitTemplate(
  render: ChatRenderer,
  format: MessageFormat,
  system?: string | undefined,
): readonly PromptPiece[] {
  const opening = system === undefined ? [] : [chatMessage("system", system, format)];
  const fill = (query: string, document: string) =>
    render([...opening, chatMessage("query", query, format), chatMessage("document", document, format)]);
  const spaced = (mark: string) => `${START_SPACE}${mark}${END_SPACE}`;
  const pieces = piecesOf(marksIn(fill(QUERY, DOCUMENT)), marksIn(fill(spaced(QUERY), spaced(DOCUMENT))));
  const count = (kind: PromptPiece["kind"]) => pieces.filter((piece) => piece.kind === kind).length;
  if (count("document") !== 1) throw unusableTemplate(`it holds the document ${count("document")} times, and not once`);
  if (count("query") === 0) throw unusableTemplate("it leaves the query out");
  if (PROBES.some(([query, document]) => fillPrompt(pieces, query, document) !== fill(query, document))) {
    throw unusableTemplate("it changes the texts, or depends on what they say");
  }
  return pieces;
}

/** Whether an instruction reaches the model. */
export function takesInstruction(render: ChatRenderer, format: MessageFormat): boolean {
  const texts = [["system", INSTRUCTION] as const, ["query", QUERY] as const, ["document", DOCUMENT] as const];
  return render(texts.map(([role, text]) => chatMessage(role, text, format))).includes(INSTRUCTION);
}

/** Alternates between fixed text and marks, and begins and ends with fixed text. */
function marksIn(rendered: string): string[] {
  return rendered.split(new RegExp(`(${QUERY}|${DOCUMENT})`));
}

/** @param spaced the same parts where white space stood around each mark */
function piecesOf(parts: readonly string[], spaced: readonly string[]): PromptPiece[] {
  return parts.flatMap((part, index): PromptPiece[] => {
    if (part !== QUERY && part !== DOCUMENT) return part === "" ? [] : [{ kind: "fixed", text: part }];
    const trim = {
      start: !spaced[index - 1]?.endsWith(START_SPACE),
      end: !spaced[index + 1]?.startsWith(END_SPACE),
    };
    return [{ kind: part === QUERY ? "query" : "document", trim }];
  });
}
