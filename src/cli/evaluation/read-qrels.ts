import { type Qrels, readBeirQrels, readTrecQrels } from "../../evaluation/index.ts";
import { readLines } from "../../evaluation/read-lines.ts";

const TREC_COLUMNS = 4;

/**
 * Reads judgements in either of the two usual formats: three columns between tabs, or TREC's four.
 *
 * @throws PgVectorDBError `invalid_argument`, `aborted`
 */
export async function readQrels(path: string, options: { readonly signal?: AbortSignal | undefined }): Promise<Qrels> {
  let isTrec = false;
  await readLines(path, options, (line, lineNumber) => {
    if (lineNumber === 1) isTrec = line.trim().split(/\s+/).length === TREC_COLUMNS;
  });
  return isTrec ? readTrecQrels(path, options) : readBeirQrels(path, options);
}
