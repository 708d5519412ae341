import { MessageChannel } from "node:worker_threads";

/**
 * Gives the memory of arrays back at once, which leaves them empty. The garbage collector would in time; until then a
 * model that was copied elsewhere counts twice.
 */
export function freeBuffers(arrays: readonly Float32Array[]): void {
  const buffers = new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer));
  const { port1, port2 } = new MessageChannel();
  // Handed over to a port where nobody listens, they go with the port. `ArrayBuffer.prototype.transfer` needs Node 21.
  port1.postMessage(undefined, [...buffers]);
  port1.close();
  port2.close();
}
