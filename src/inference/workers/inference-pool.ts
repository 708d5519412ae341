import type { SharedModel } from "../native/native-session.ts";
import { isStopped, stopCall } from "./call-progress.ts";
import { collectParts } from "./collect-parts.ts";
import { FirstAlone, firstAloneOf } from "./first-alone.ts";
import { InferenceClient } from "./inference-client.ts";
import { mergeResults } from "./merge-results.ts";
import type { PartResult } from "./run-portions.ts";
import { isAllTaken, LONGEST_CUT, shareTexts } from "./share-texts.ts";
import { SharedLoad } from "./shared-load.ts";
import type { InferenceTask, SharedRequest } from "./worker-messages.ts";

/**
 * Workers that run the same model and share each call's texts; of what our own kernels run they share the weights too. A worker that
 * died is replaced by the next call.
 */
export class InferencePool<Task extends InferenceTask> {
  readonly #setup: Task["setup"];
  readonly #clients: SharedLoad<InferenceClient<Task>>[];
  /** Whoever loads first leaves weights that the others join. */
  #weights = new FirstAlone();
  #shared: SharedModel | undefined;
  readonly #started = new Set<InferenceClient<Task>>();
  #next = 0;

  constructor(setup: Task["setup"]) {
    this.#setup = setup;
    this.#clients = Array.from({ length: setup.model.workers }, () => this.#newClient());
  }

  /** Starts what `run` would start, and resolves to the length of the model's vectors. */
  async load(signal: AbortSignal): Promise<number> {
    const { facts } = await this.#liveClient(0, signal);
    await Promise.all(this.#clients.map((_, slot) => this.#liveClient(slot, signal)));
    return facts.dimensions;
  }

  async run(request: Task["request"], signal: AbortSignal): Promise<Task["result"]> {
    const { texts } = request;
    const shares = shareTexts(texts, Math.min(texts.length, this.#clients.length), this.#longestCounted);
    const answers = shares.flatMap(({ shared, workers }) => {
      // Not a spread: V8 makes a hidden class for each object that begins with one, and only a full collection frees it.
      const part: SharedRequest<Task> = Object.assign({}, request, shared);
      return Array.from({ length: workers }, () => this.#runIn(this.#nextSlot(), part, signal));
    });
    try {
      return mergeResults<Task>(await collectParts(answers, texts.length), texts.length);
    } catch (error) {
      // Aborted, or one part has failed: the others stop instead of scoring for nobody.
      for (const { shared } of shares) stopCall(shared.progress);
      throw error;
    }
  }

  async close(reason: Error): Promise<void> {
    const clients = await Promise.all(this.#clients.map((client) => client.stop(reason)));
    await Promise.all(clients.map((client) => client?.close()));
  }

  /** In turn, so that single texts of many calls use every worker. */
  #nextSlot(): number {
    const slot = this.#next;
    this.#next = (slot + 1) % this.#clients.length;
    return slot;
  }

  async #runIn(slot: number, request: SharedRequest<Task>, signal: AbortSignal): Promise<readonly PartResult<Task>[]> {
    const client = await this.#liveClient(slot, signal);
    // A worker that took long to load may come too late.
    return isAllTaken(request) || isStopped(request.progress) ? [] : client.run(request, signal);
  }

  async #liveClient(slot: number, signal: AbortSignal): Promise<InferenceClient<Task>> {
    const source = this.#clients[slot] as SharedLoad<InferenceClient<Task>>;
    const client = await source.get(signal);
    if (client.isAlive) return client;
    this.#forgetWhenAllDied();
    if (this.#clients[slot] === source) this.#clients[slot] = this.#newClient();
    return this.#liveClient(slot, signal);
  }

  get #longestCounted(): number {
    const isSplit = this.#setup.kind === "classify" && this.#setup.longDocuments.mode === "split";
    return isSplit ? Number.POSITIVE_INFINITY : LONGEST_CUT;
  }

  #newClient(): SharedLoad<InferenceClient<Task>> {
    const { model } = this.#setup;
    return new SharedLoad((signal) => {
      if (!model.sharesWeights) return this.#startAfterCompiling(signal);
      return this.#weights.run(signal, () => this.#startAfterCompiling(signal));
    });
  }

  /** A checkpoint is compiled by the first worker that opens it, here or in another pool; the others wait and open the result. */
  async #startAfterCompiling(signal: AbortSignal): Promise<InferenceClient<Task>> {
    const { graph } = this.#setup.model;
    const start = () => InferenceClient.start<Task>(this.#setup, signal, this.#shared);
    const key =
      graph.kind === "onnx" ? undefined : JSON.stringify([graph.weightsPath, graph.cacheFolder, graph.options]);
    const client = await (key === undefined ? start() : firstAloneOf(key).run(signal, start));
    this.#shared = client.facts.shared;
    this.#started.add(client);
    return client;
  }

  /** The weights went with the last worker, so one is to load them again before others come. */
  #forgetWhenAllDied(): void {
    for (const client of this.#started) if (client.isAlive) return;
    if (this.#started.size > 0) this.#weights = new FirstAlone();
    this.#started.clear();
  }
}
