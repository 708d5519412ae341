// Asks a question of the demo's index, then another in the same process, and prints what the second took, in milliseconds.
import { join } from "node:path";
import { PgVectorDB } from "pgvectordb";
import { CrossEncoderReranker } from "pgvectordb/rerankers";

const [folder = "", question = ""] = process.argv.slice(2);

await using db = await PgVectorDB.open({ url: join(folder, "database") });
await using reranker = new CrossEncoderReranker({ model: "builtin" });
const passages = await db.collection("markdown");

await passages.rerankSearch("which options are there?", { reranker });
const startedAt = performance.now();
const { timings } = await passages.rerankSearch(question, { reranker });
console.log(JSON.stringify({ totalMs: performance.now() - startedAt, answerMs: timings.rerankMs }));
