/** One line of a report. */
export interface Figure {
  readonly name: string;
  /** Undefined where it was not measured. */
  readonly value: number | undefined;
  readonly unit: string;
  /** What the value must reach, or must not pass. */
  readonly bar?: { readonly least: number } | { readonly most: number } | undefined;
  readonly digits?: number | undefined;
  readonly note?: string | undefined;
}

export function printFigure({ name, value, unit, bar, digits = 0, note }: Figure): void {
  const shown = value === undefined ? "not measured" : `${value.toFixed(digits)}${unit}`;
  const asked = bar === undefined ? "" : `  bar ${"least" in bar ? `>= ${bar.least}` : `<= ${bar.most}`}${unit}`;
  const verdict = value === undefined || bar === undefined ? "" : meetsBar(value, bar) ? "  met" : "  NOT MET";
  console.log(`${name.padEnd(52)} ${shown.padStart(12)}${asked}${verdict}${note === undefined ? "" : `  (${note})`}`);
}

function meetsBar(value: number, bar: NonNullable<Figure["bar"]>): boolean {
  return "least" in bar ? value >= bar.least : value <= bar.most;
}
