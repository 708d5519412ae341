import { parentPort, workerData } from "node:worker_threads";
import { describeFailure } from "./database-failure.ts";
import { openPGlite } from "./open-pglite.ts";
import { runOnPGlite } from "./run-on-pglite.ts";
import type { WorkerReply, WorkerRequest, WorkerSettings } from "./worker-messages.ts";

const port = parentPort;
if (port === null) throw new Error("This file runs in a worker thread.");

const { dataDirectory } = workerData as WorkerSettings;
const opening = openPGlite(dataDirectory);

/** Requests wait for the one before: a transaction is a sequence of them. */
let previous = opening.then(
  () => reply({ id: 0, rows: [] }),
  // What PGlite says here speaks of its files only.
  (error: unknown) => reply({ id: 0, failure: { message: error instanceof Error ? error.message : String(error) } }),
);

port.on("message", (request: WorkerRequest) => {
  previous = previous.then(() => answer(request));
});

async function answer(request: WorkerRequest): Promise<void> {
  try {
    const pglite = await opening;
    if (request.kind === "close") {
      await pglite.close();
      reply({ id: request.id, rows: [] });
    } else {
      reply({ id: request.id, rows: await runOnPGlite<object>(pglite, request) });
    }
  } catch (error) {
    reply({ id: request.id, failure: describeFailure(error) });
  }
}

function reply(message: WorkerReply): void {
  port?.postMessage(message);
}
