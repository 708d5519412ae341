/** Places in the shared memory of a gate. */
const BUSY = 0;
const STOPPED = 1;
const PLACES = 2;

/** Past this a process that wants to end no longer waits. One batch, or a model being opened, takes less. */
const LONGEST_WAIT_MS = 5_000;

/**
 * Keeps a process from ending while a worker thread is inside ONNX Runtime: Node stops the thread then, the runtime's
 * next call into JavaScript fails, and that aborts the whole process with a core dump.
 */
export interface NativeGate {
  /** Runs `work`, which calls native code. When the process is about to end it never starts, or never returns. */
  pass<T>(work: () => Promise<T>): Promise<T>;
}

export const OPEN_GATE: NativeGate = { pass: (work) => work() };

/** The memory that a worker and the thread that started it share. */
export function createGateMemory(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(PLACES * Int32Array.BYTES_PER_ELEMENT));
}

/** The worker's side. */
export function openGate(memory: Int32Array): NativeGate {
  let inside = 0;
  const parkIfStopped = () => {
    // For ever: the thread is stopped here, where it is in JavaScript.
    while (Atomics.load(memory, STOPPED) === 1) Atomics.wait(memory, STOPPED, 1);
  };
  /** Does not return once the gate is closed. */
  const leave = () => {
    inside--;
    if (inside > 0) return;
    Atomics.store(memory, BUSY, 0);
    Atomics.notify(memory, BUSY);
    parkIfStopped();
  };
  return {
    async pass(work) {
      inside++;
      Atomics.store(memory, BUSY, 1);
      try {
        // Looked at after `BUSY` is set, as the other side sets and looks the other way round: one of the two sees the other.
        if (Atomics.load(memory, STOPPED) === 1) leave();
        return await work();
      } finally {
        leave();
      }
    },
  };
}

const gates = new Set<Int32Array>();

/** From now on the process waits for this worker when it ends. */
export function watchGate(memory: Int32Array): void {
  if (gates.size === 0) process.on("exit", closeGates);
  gates.add(memory);
}

export function unwatchGate(memory: Int32Array): void {
  gates.delete(memory);
  if (gates.size === 0) process.off("exit", closeGates);
}

/** Runs in the process's "exit" event, after which Node stops the threads. */
function closeGates(): void {
  const until = performance.now() + LONGEST_WAIT_MS;
  for (const memory of gates) Atomics.store(memory, STOPPED, 1);
  for (const memory of gates) {
    while (Atomics.load(memory, BUSY) === 1 && performance.now() < until) {
      Atomics.wait(memory, BUSY, 1, until - performance.now());
    }
  }
}
