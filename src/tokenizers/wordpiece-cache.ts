const GENERATION_WORDS = 32_768;

/** The ids of words seen lately. Two generations: what is not asked for during one is forgotten. */
export class WordCache {
  #recent = new Map<string, readonly number[]>();
  #older: ReadonlyMap<string, readonly number[]> = new Map();

  get(word: string): readonly number[] | undefined {
    const ids = this.#recent.get(word);
    if (ids !== undefined) return ids;
    const older = this.#older.get(word);
    if (older !== undefined) this.set(word, older);
    return older;
  }

  set(word: string, ids: readonly number[]): void {
    if (this.#recent.size >= GENERATION_WORDS) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    // A slice would keep the whole text it came from alive.
    this.#recent.set(Buffer.from(word).toString(), ids);
  }
}
