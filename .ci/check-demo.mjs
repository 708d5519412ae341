// Runs the README's demo command twice and asserts on what it prints.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "pgvectordb-demo-"));

function demo(...args) {
  const result = spawnSync("npm", ["run", "--silent", "demo", "--", "--data-dir", folder, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout;
}

try {
  const first = JSON.parse(demo("--json"));
  assert.ok(first.corpus.documents >= 200, `only ${first.corpus.documents} documents`);
  assert.equal(first.corpus.written, first.corpus.passages);
  assert.deepEqual(first.candidates, { requested: 100, returned: 100 });
  assert.equal(first.firstStage.length, 5);
  assert.equal(first.reranked.length, 5);
  for (const [position, hit] of first.firstStage.entries()) assert.equal(hit.firstStage.rank, position + 1);
  for (const [position, hit] of first.reranked.entries()) {
    assert.equal(hit.rerank.rank, position + 1);
    assert.equal(hit.moved, hit.firstStage.rank - hit.rerank.rank);
    assert.ok(hit.rerank.score >= 0 && hit.rerank.score <= 1);
    assert.ok(position === 0 || hit.rerank.score <= first.reranked[position - 1].rerank.score);
  }

  const question = "How do I create a project with several test environments?";
  const second = JSON.parse(demo("--json", question));
  assert.equal(second.question, question);
  assert.equal(second.corpus.written, 0, "the second run wrote passages although nothing had changed");
  assert.equal(second.corpus.passages, first.corpus.passages);
  assert.ok(second.timings.answerMs > 0);

  const text = demo(question);
  for (const expected of [question, "FIRST STAGE", "RERANKED", "BEST PASSAGE", "Time:"]) {
    assert.ok(text.includes(expected), `the printed answer lacks "${expected}"`);
  }
  process.stdout.write(
    `The demo indexed ${first.corpus.passages} passages of ${first.corpus.documents} documents in ` +
      `${Math.round(first.timings.indexMs)} ms and answered in ${Math.round(second.timings.answerMs)} ms.\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
