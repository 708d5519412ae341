import { InferenceClient } from "./inference-client.ts";
import { SharedLoad } from "./shared-load.ts";
import type { InferenceTask } from "./worker-messages.ts";

/** Workers that hold the same model. One runs every call with all threads; a worker that died is replaced by the next call. */
export class InferencePool<Task extends InferenceTask> {
  readonly #setup: Task["setup"];
  #client: SharedLoad<InferenceClient<Task>>;

  constructor(setup: Task["setup"]) {
    this.#setup = setup;
    this.#client = this.#newClient();
  }

  /** Starts what `run` would start, and resolves to the length of the model's vectors. */
  async load(signal: AbortSignal): Promise<number> {
    return (await this.#liveClient(signal)).dimensions;
  }

  async run(request: Task["request"], signal: AbortSignal): Promise<Task["result"]> {
    return (await this.#liveClient(signal)).run(request, signal);
  }

  async close(reason: Error): Promise<void> {
    const client = await this.#client.stop(reason);
    await client?.close();
  }

  async #liveClient(signal: AbortSignal): Promise<InferenceClient<Task>> {
    const source = this.#client;
    const client = await source.get(signal);
    if (client.isAlive) return client;
    if (this.#client === source) this.#client = this.#newClient();
    return this.#liveClient(signal);
  }

  #newClient(): SharedLoad<InferenceClient<Task>> {
    return new SharedLoad((signal) => InferenceClient.start<Task>(this.#setup, signal));
  }
}
