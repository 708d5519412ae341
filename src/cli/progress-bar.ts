import type { OutputStream } from "./command-io.ts";

const WIDTH = 30;

export interface ProgressBar {
  /** @param note what a terminal shows beside it, anew whenever it changes */
  update(done: number, note?: string): void;
  /** Ends the line. Safe to call twice. */
  end(): void;
}

/** A progress bar on a terminal; where the output is a file or a pipe, a line for each tenth. */
export function createProgressBar(label: string, total: number, output: OutputStream): ProgressBar {
  let shown = -1;
  let shownNote = "";
  let ended = false;
  const steps = output.isTTY ? 100 : 10;
  return {
    update(done, note = "") {
      const step = total === 0 ? steps : Math.floor((Math.min(done, total) / total) * steps);
      if (ended || (step === shown && !(output.isTTY && note !== shownNote))) return;
      shown = step;
      shownNote = note;
      const filled = Math.round((step / steps) * WIDTH);
      const bar = `${label} [${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}] ${Math.min(done, total)}/${total}`;
      output.write(output.isTTY ? `\r${bar}${note}` : `${bar}\n`);
    },
    end() {
      if (!ended && output.isTTY && shown >= 0) output.write("\n");
      ended = true;
    },
  };
}
