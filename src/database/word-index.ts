import sql, { type Sql } from "sql-template-tag";
import type { Database, Queryable } from "../contracts/database.ts";
import { identifier, quotedName, textLiteral } from "../search/identifier.ts";
import type { SearchTarget } from "../search/search-target.ts";
import { WORDS } from "../search/word-arm.ts";
import { tableOf } from "./document-table.ts";
import { lockForMigration } from "./migration-lock.ts";

/** The table that has every word of a collection's documents. It belongs to the collection, and goes with it. */
export function vocabularyName(target: SearchTarget): string {
  return `${target.table}_vocabulary`;
}

/** The index that knows which documents have a word. */
export function wordIndexName(target: SearchTarget): string {
  return `${target.table}_words`;
}

/**
 * Makes the index of the documents' words and the table of all words, kept up to date by triggers: of whoever writes, and by
 * whatever version of this library. Writers wait meanwhile.
 */
export async function createWordIndex(database: Database, target: SearchTarget): Promise<void> {
  await database.transaction(async (transaction) => {
    await lockForMigration(transaction, target.table);
    const documents = tableOf(target);
    // What is written from here on is seen by the triggers, what was written before by the table that they are made with.
    await transaction.query(sql`LOCK TABLE ${documents} IN SHARE ROW EXCLUSIVE MODE`);
    // What is pending is read for each of the hundreds of words that a search looks up: a longer list makes adding a little
    // faster, and those searches many times slower.
    await transaction.query(
      sql`CREATE INDEX IF NOT EXISTS ${identifier(wordIndexName(target))} ON ${documents} USING gin (${WORDS}) WITH (gin_pending_list_limit = 1024)`,
    );
    const [state] = await transaction.query<{ exists: boolean }>(
      sql`SELECT to_regclass(${quotedName(target.schema, vocabularyName(target))}) IS NOT NULL AS exists`,
    );
    if (state?.exists !== true) await createVocabulary(transaction, target);
  });
}

/** What is left of the words when the collection's table is gone. */
export function dropVocabulary(target: SearchTarget): Sql[] {
  return [sql`DROP TABLE IF EXISTS ${vocabularyOf(target)}`, sql`DROP FUNCTION IF EXISTS ${keeperOf(target)}()`];
}

async function createVocabulary(transaction: Queryable, target: SearchTarget): Promise<void> {
  const [documents, vocabulary, keeper] = [tableOf(target), vocabularyOf(target), keeperOf(target)];
  const index = (name: string) => identifier(`${vocabularyName(target)}_${name}`);
  await transaction.query(
    sql`CREATE TABLE ${vocabulary} AS SELECT DISTINCT word COLLATE "C" AS word FROM ${documents}, unnest(${WORDS}) AS word WHERE word <> ''`,
  );
  // Not unique: two writers of the same new word both add it, and neither waits for the other.
  await transaction.query(sql`CREATE INDEX ${index("word")} ON ${vocabulary} (word)`);
  await transaction.query(
    sql`CREATE INDEX ${index("trigrams")} ON ${vocabulary} USING gin (word gin_trgm_ops) WITH (fastupdate = off)`,
  );
  await transaction.query(sql`ANALYZE ${vocabulary}`);
  // By the rights of who made it: whoever may write documents need not have any on the vocabulary. Words stay when the
  // documents with them go: they find nothing.
  const add = (words: Sql) =>
    // The distinct words first, each then looked for: read as a whole, the vocabulary takes longer than the rest.
    sql`INSERT INTO ${vocabulary} SELECT word FROM (SELECT DISTINCT word COLLATE "C" AS word FROM ${words} AS words (word) WHERE word <> '' OFFSET 0) AS seen WHERE NOT EXISTS (SELECT FROM ${vocabulary} AS v WHERE v.word = seen.word)`;
  const ofRow = add(sql`unnest(pgvectordb.words_of(NEW.content))`);
  const ofStatement = add(sql`(SELECT unnest(pgvectordb.words_of(content)) FROM added)`);
  const body = sql`BEGIN IF TG_LEVEL = 'ROW' THEN ${ofRow}; ELSE ${ofStatement}; END IF; RETURN NULL; END`;
  await transaction.query(
    sql`CREATE FUNCTION ${keeper}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS ${textLiteral(body.text)}`,
  );
  await transaction.query(
    sql`CREATE TRIGGER add_words AFTER INSERT ON ${documents} REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ${keeper}()`,
  );
  // Row by row: changes of metadata and of embeddings, which have no new words, are not even looked at.
  await transaction.query(
    sql`CREATE TRIGGER change_words AFTER UPDATE OF content ON ${documents} FOR EACH ROW WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION ${keeper}()`,
  );
}

function vocabularyOf(target: SearchTarget): Sql {
  return identifier(target.schema, vocabularyName(target));
}

/** The function of the triggers. */
function keeperOf(target: SearchTarget): Sql {
  return identifier(target.schema, `${target.table}_keep_words`);
}
