import { invalidArgument } from "../../check-options.ts";

/** A record of a CSV file: its fields by the names in the first row. */
export interface CsvRecord {
  readonly fields: Readonly<Record<string, string>>;
  /** Line that it begins on, from 1. */
  readonly line: number;
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * Reads comma-separated values as RFC 4180 has them: quoted fields may hold separators, line ends and doubled quotes.
 * The separator is whichever of comma, semicolon and tab the first row has most of. Missing fields are empty.
 *
 * @throws PgVectorDBError `invalid_argument` with the line of a quote that is never closed, or of a row with too many fields
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvRecord, void, undefined> {
  let names: readonly string[] | undefined;
  for await (const { cells, line } of readRows(chunks)) {
    if (cells.length === 1 && cells[0]?.trim() === "") continue;
    if (names === undefined) {
      names = cells.map((cell, position) => cell.trim() || `column${position + 1}`);
      continue;
    }
    if (cells.length > names.length) {
      throw invalidArgument(`line ${line} has ${cells.length} fields where the first row names ${names.length}`);
    }
    const fields: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [position, name] of names.entries()) fields[name] = cells[position] ?? "";
    yield { fields, line };
  }
}

async function* readRows(chunks: AsyncIterable<string>): AsyncGenerator<Row, void, undefined> {
  const parser = new RowParser();
  for await (const chunk of chunks) yield* parser.read(chunk);
  yield* parser.end();
}

/** Where the next character stands: at the start of a field, inside one, inside quotes, or after a quote that may have closed them. */
type Place = "start" | "plain" | "quoted" | "quote";

class RowParser {
  #place: Place = "start";
  #separator = "";
  /** The first row is held back until its end, which shows the separator. */
  #head = "";
  #cell = "";
  #cells: string[] = [];
  #line = 1;
  #rowLine = 1;

  *read(chunk: string): Generator<Row> {
    let text = chunk;
    if (this.#separator === "") {
      this.#head += chunk;
      if (!/[\r\n]/.test(this.#head)) return;
      text = this.#takeHead();
    }
    for (const character of text) {
      const row = this.#take(character);
      if (row !== undefined) yield row;
    }
  }

  *end(): Generator<Row> {
    for (const character of this.#separator === "" ? this.#takeHead() : "") this.#take(character);
    if (this.#place === "quoted") throw invalidArgument(`the quote opened in line ${this.#rowLine} is never closed`);
    if (this.#cell !== "" || this.#cells.length > 0) yield this.#endRow();
  }

  #takeHead(): string {
    const text = this.#head.replace(/^\uFEFF/, "");
    this.#head = "";
    const firstRow = (/^[^\r\n]*/.exec(text)?.[0] ?? "").replaceAll(/"[^"]*"/g, "");
    const count = (separator: string) => firstRow.split(separator).length;
    this.#separator = [",", ";", "\t"].reduce((best, next) => (count(next) > count(best) ? next : best));
    return text;
  }

  #take(character: string): Row | undefined {
    if (character === "\n") this.#line++;
    if (this.#place === "quoted") {
      if (character === '"') this.#place = "quote";
      else this.#cell += character;
      return undefined;
    }
    if (character === '"' && this.#place !== "plain") {
      // Twice inside quotes it is one quote; at the start of a field it opens them.
      if (this.#place === "quote") this.#cell += '"';
      this.#place = "quoted";
    } else if (character === this.#separator) {
      this.#endCell();
    } else if (character === "\n") {
      return this.#endRow();
    } else if (character !== "\r") {
      this.#cell += character;
      this.#place = "plain";
    }
    return undefined;
  }

  #endCell(): void {
    this.#cells.push(this.#cell);
    this.#cell = "";
    this.#place = "start";
  }

  #endRow(): Row {
    this.#endCell();
    const row = { cells: this.#cells, line: this.#rowLine };
    this.#cells = [];
    this.#rowLine = this.#line;
    return row;
  }
}
