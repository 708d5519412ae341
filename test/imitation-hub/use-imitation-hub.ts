import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import {
  type LocatedModel,
  locateModel,
  type ModelRequest,
  type ModelSurroundings,
} from "../../src/inference/model-files/locate-model.ts";
import { type ImitationHub, type ImitationHubOptions, startImitationHub } from "./start-imitation-hub.ts";

export interface HubTest {
  /** A fresh hub for each test. */
  readonly hub: ImitationHub;
  /** A fresh, empty cache for each test. */
  readonly cacheDir: string;
  /** `locateModel` with that hub and that cache, and retries that do not wait. */
  locate(request: Partial<ModelRequest>, surroundings?: ModelSurroundings): Promise<LocatedModel>;
}

/** Called at the top of a test file: a hub and a cache that live as long as each test. */
export function useImitationHub(options: () => ImitationHubOptions): HubTest {
  let hub: ImitationHub | undefined;
  let cacheDir = "";
  beforeEach(async () => {
    hub = await startImitationHub(options());
    cacheDir = await mkdtemp(join(tmpdir(), "pgvectordb-model-files-"));
  });
  afterEach(async () => {
    await hub?.close();
    await rm(cacheDir, { recursive: true, force: true });
  });
  const current = () => {
    if (hub === undefined) throw new Error("The hub starts with the test, not before.");
    return hub;
  };
  return {
    get hub() {
      return current();
    },
    get cacheDir() {
      return cacheDir;
    },
    locate(request, surroundings) {
      const { environment, patience, ...rest } = surroundings ?? {};
      return locateModel(
        { model: "org/name", cacheDir, ...request },
        {
          ...rest,
          environment: { HF_ENDPOINT: current().endpoint, HF_HOME: join(cacheDir, "home"), ...environment },
          patience: { firstDelayMs: 1, longestDelayMs: 1_000, ...patience },
        },
      );
    },
  };
}
