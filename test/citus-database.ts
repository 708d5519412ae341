import { randomUUID } from "node:crypto";
import pg from "pg";
import { runOnServer, type TestDatabase } from "./run-on-server.ts";

interface Node {
  readonly host: string;
  readonly port: number;
}

/** A new database on every node of the cluster that `coordinator` knows, joined to one. */
export async function newCitusDatabase(coordinator: string): Promise<TestDatabase> {
  const name = `pgvectordb_test_${randomUUID().replaceAll("-", "")}`;
  const nodes = await nodesOf(coordinator);
  const urlOf = ({ host, port }: Node, database: string) =>
    Object.assign(new URL(coordinator), { hostname: host, port: String(port), pathname: `/${database}` }).href;
  for (const node of nodes) {
    await runOnServer(urlOf(node, "postgres"), `CREATE DATABASE ${name}`);
    for (const extension of ["citus", "vector", "pg_trgm"]) {
      await runOnServer(urlOf(node, name), `CREATE EXTENSION ${extension}`);
    }
  }
  const [first, ...workers] = nodes;
  if (first === undefined) throw new Error("The cluster has no coordinator.");
  const url = urlOf(first, name);
  await runOnServer(url, `SELECT citus_set_coordinator_host('${first.host}', ${first.port})`);
  for (const { host, port } of workers) await runOnServer(url, `SELECT citus_add_node('${host}', ${port})`);
  return {
    url,
    remove: async () => {
      for (const node of nodes) {
        await runOnServer(urlOf(node, "postgres"), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }
    },
  };
}

async function nodesOf(coordinator: string): Promise<Node[]> {
  const client = new pg.Client({ connectionString: coordinator });
  await client.connect();
  const { rows } = await client.query<Node>(
    "SELECT nodename AS host, nodeport AS port FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid",
  );
  await client.end();
  return rows;
}
