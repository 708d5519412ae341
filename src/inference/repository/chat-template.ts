import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { PgVectorDBError } from "../../errors.ts";

export interface ChatMessage {
  readonly role: string;
  readonly content: string | readonly { readonly type: "text"; readonly text: string }[];
}

/** Renders messages, always the same way. */
export type ChatRenderer = (messages: readonly ChatMessage[]) => string;

// A template of a stranger's runs in the caller's thread. Templates of rerankers take a few hundred steps.
const MOST_SOURCE_CHARACTERS = 32_768;
const MOST_STEPS = 20_000;
const MOST_CHARACTERS = 1_000_000;

/** What is used of the package's interpreter, whose own types are found by bundlers only. */
interface JinjaInterpreter {
  run(program: unknown): { readonly value: unknown };
  evaluate(statement: unknown, environment: unknown): { readonly value: unknown };
}
const UNDEFINED: { readonly value: unknown } = new Environment().lookupVariable("undefined");
const JinjaInterpreter = Interpreter as unknown as new (environment: unknown) => JinjaInterpreter;

/** Counts what is evaluated, a list by its items, as a loop goes over them; so it ends, whatever a template says. */
class BoundedInterpreter extends JinjaInterpreter {
  #steps = 0;

  override evaluate(statement: unknown, environment: unknown): { readonly value: unknown } {
    this.#count(1);
    // The first of nothing is JavaScript's `undefined` there, which `default` does not know.
    const result = super.evaluate(statement, environment) ?? UNDEFINED;
    this.#count(itemsOf(result.value));
    return result;
  }

  #count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MOST_STEPS) throw new Error(`it takes more than ${MOST_STEPS} steps`);
  }
}

function itemsOf(value: unknown): number {
  if (typeof value === "string" && value.length > MOST_CHARACTERS) throw new Error("it makes a text without end");
  if (Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}

/**
 * A chat template in Jinja, as `transformers` renders it. It sees the messages and `variables`; the clock and files it
 * does not see.
 *
 * @throws PgVectorDBError `model_invalid`, the renderer too: for what is no template, raises an exception of its own, or
 * takes too long
 */
export function chatRenderer(source: string, variables: Readonly<Record<string, unknown>>): ChatRenderer {
  if (source.length > MOST_SOURCE_CHARACTERS) {
    throw unusableTemplate(`it has more than ${MOST_SOURCE_CHARACTERS} characters`);
  }
  const parsed: unknown = attempt(() => new Template(source)).parsed;
  return (messages) =>
    attempt(() => {
      const environment = new Environment();
      const globals = { ...variables, ...GLOBALS, messages };
      for (const [name, value] of Object.entries(globals)) environment.set(name, value);
      return String(new BoundedInterpreter(environment).run(parsed).value);
    });
}

/** @param reason the rest of a sentence that begins with the template */
export function unusableTemplate(reason: string, cause?: unknown): PgVectorDBError {
  return new PgVectorDBError("model_invalid", `The model's chat template cannot be used: ${reason}.`, { cause });
}

const GLOBALS = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception: (message: unknown) => {
    throw new Error(`it raises "${String(message).slice(0, 120)}"`);
  },
  range: (first: number, second?: number, step = 1) => {
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    const length = Math.max(0, Math.ceil((stop - start) / step));
    if (!(length <= MOST_STEPS)) throw new Error(`it takes more than ${MOST_STEPS} steps`);
    return Array.from({ length }, (_, index) => start + index * step);
  },
};

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    // Deep nesting ends in a RangeError.
    throw unusableTemplate(error instanceof Error ? error.message.slice(0, 200).replace(/\.$/, "") : "it fails", error);
  }
}
