import type { Tensor } from "onnxruntime-node";

/** What a decoder made of a prefix, by the names of the inputs that take it. */
export type PrefixState = Readonly<Record<string, Tensor>>;

/** So many calls can take turns without making theirs again. */
const MOST_STATES = 8;
/** Some five prompts of Qwen3-Reranker-0.6B, which takes 230 kB for each token. */
const MOST_BYTES = 128 * 2 ** 20;

/** Keeps the states of the prefixes that were used last: the latest however large it is, and others as far as there is room. */
export class PrefixStates {
  /** In the order of their last use. */
  readonly #states = new Map<string, PrefixState>();

  /** The state of these tokens, of which `make` is asked only where it is not kept. */
  async get(ids: Int32Array, make: () => Promise<PrefixState>): Promise<PrefixState> {
    const key = ids.join();
    const state = this.#states.get(key) ?? (await make());
    this.#states.delete(key);
    this.#states.set(key, state);
    this.#forgetOldest();
    return state;
  }

  #forgetOldest(): void {
    let bytes = [...this.#states.values()].reduce((sum, state) => sum + bytesOf(state), 0);
    for (const [key, state] of this.#states) {
      const { size } = this.#states;
      if (size === 1 || (size <= MOST_STATES && bytes <= MOST_BYTES)) return;
      this.#states.delete(key);
      bytes -= bytesOf(state);
    }
  }
}

function bytesOf(state: PrefixState): number {
  return Object.values(state).reduce((sum, { size }) => sum + size * Float32Array.BYTES_PER_ELEMENT, 0);
}
