import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import pg from "pg";

export interface CuttingProxy {
  readonly url: string;
  /**
   * Ends every connection at once, without a farewell. Resolves when the server has given them up too: what it was told
   * already it may carry out, and commit, with nobody there to hear of it.
   */
  cut(): Promise<void>;
  close(): Promise<void>;
}

/** Stands between a client and the server of `url`. */
export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const toServer = new Set<Socket>();
  const proxy = createServer((incoming) => {
    const outgoing = connect(Number(target.port), target.hostname);
    toServer.add(outgoing);
    outgoing.on("close", () => toServer.delete(outgoing));
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const through = new URL(url);
  through.port = String((proxy.address() as { port: number }).port);
  const cut = async () => {
    const ports = [...toServer].flatMap(({ localPort }) => (localPort === undefined ? [] : [localPort]));
    for (const socket of sockets) socket.resetAndDestroy();
    await untilGivenUp(url, ports);
  };
  return {
    url: through.href,
    cut,
    close: async () => {
      await cut();
      proxy.close();
      await once(proxy, "close");
    },
  };
}

/** Asks until no session of these clients is left. A failure is the test's time-out. */
async function untilGivenUp(url: string, ports: readonly number[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (let left = ports.length; left > 0; ) {
    const { rows } = await client.query("SELECT FROM pg_stat_activity WHERE client_port = ANY($1)", [ports]);
    left = rows.length;
  }
  await client.end();
}
