import pg from "pg";

export interface TestDatabase {
  readonly url: string;
  /** Removes it with everything in it. */
  remove(): Promise<void>;
}

/** One statement over a connection of its own. */
export async function runOnServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
