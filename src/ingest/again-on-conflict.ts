import { PgVectorDBError } from "../errors.ts";

/** Serialisation failure and deadlock: the transaction had no effect, and the other one goes on. */
const CONFLICTS: readonly unknown[] = ["40001", "40P01"];
const MAX_ATTEMPTS = 5;

/** Does `work`, one transaction, again when it met another writer of the same rows. */
export async function againOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isConflict = error instanceof PgVectorDBError && CONFLICTS.includes(error.sqlState);
      if (!isConflict || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
