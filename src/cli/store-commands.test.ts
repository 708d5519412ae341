import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTestDatabase, type TestDatabase } from "../../test/test-database.ts";
import { PgVectorDB } from "../pgvectordb.ts";
import { main } from "./main.ts";

let folder: string;
let database: TestDatabase;
let held: PgVectorDB;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "store-commands-"));
  database = await newTestDatabase();
  // Held open, so that the commands, which each open it, need not start it.
  held = await PgVectorDB.open({ url: database.url });
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await held.close();
  await database.remove();
});

async function run(...args: string[]) {
  const written = { stdout: "", stderr: "" };
  const into = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const env = { PGVECTORDB_URL: database.url };
  const stdin = (async function* () {})();
  const io = { stdout: into("stdout"), stderr: into("stderr"), stdin, env, cwd: folder };
  return { exitCode: await main(args, io), ...written };
}

function write(name: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, "files", name)), { recursive: true });
  writeFileSync(join(folder, "files", name), text);
}

describe("index, search, stats and eval", () => {
  beforeAll(() => {
    write(
      "guide.md",
      `# Guide\n\n## Whales\n\n${"Whales sing in the deep sea. ".repeat(60)}\n\n## Bread\n\nBake it slowly.`,
    );
    write("page.html", "<title>Lamps</title><script>x()</script><p>A lamp &amp; its shade");
    write("notes.txt", "A note about volcanoes.\u2028Second line.");
    write("goods.csv", 'id,name,price,code\nA1,"Lamp, small",12.5,007\nA2,Chair,99,008\n');
    write("corpus.jsonl", '{"_id":"q#1","title":"Moon","text":"The moon has no air.","year":1999}\n"a bare string"\n');
    write("deep/more.text", "Glaciers move slowly.");
    write(".hidden.md", "secret");
    write("node_modules/x/readme.md", "not mine");
    write("picture.png", new Uint8Array([0x89, 0x50]));
  });

  it("reads every kind of file", async () => {
    const { exitCode, stdout, stderr } = await run("index", "files", "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      files: 6,
      inserted: 10,
      updated: 0,
      unchanged: 0,
      removed: 0,
      skipped: [],
    });
    expect(stderr).toContain("Skipped 1 .png file: of a kind that is not read");
    const { stdout: lines } = await run("search", "price of a small lamp", "--json", "--where", '{"price":{"$lt":50}}');
    const { hits } = JSON.parse(lines) as { hits: object[] };
    expect(hits).toEqual([
      expect.objectContaining({
        id: "files/goods.csv#A1",
        content: "name: Lamp, small\nprice: 12.5\ncode: 007",
        metadata: {
          name: "Lamp, small",
          price: 12.5,
          code: "007",
          source: { path: "files/goods.csv", document: "A1" },
        },
      }),
    ]);
  });

  it("prints hits as text with their place, in the reranker's order or the database's", async () => {
    const reranked = await run("search", "how do whales sound?", "--top-k", "1");
    expect(reranked).toMatchObject({ exitCode: 0, stderr: "" });
    expect(reranked.stdout).toMatch(/^1\. 0\.\d{4} {2}files\/guide\.md#\d > Guide > Whales\n {3}.*Whales sing/);
    const first = await run("search", "moon air", "--no-rerank", "--method", "keyword", "--top-k", "3");
    expect(first.stdout).toMatch(/^1\. \d+\.\d{4} {2}files\/corpus\.jsonl#q%231\n {3}Moon The moon has no air\.\n$/);
    const typo = await run("search", "volcanos", "--no-rerank", "--method", "trigram", "--top-k", "1");
    expect(typo.stdout).toMatch(/^1\. 0\.\d{4} {2}files\/notes\.txt#0/);
    expect(await run("search", "xylophone", "--no-rerank", "--method", "keyword")).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "Nothing was found.\n",
    });
  });

  it("writes what changed, removes what a file no longer has, and vanished files when told to", async () => {
    write("guide.md", "# Guide\n\n## Bread\n\nBake it slowly.");
    write("goods.csv", "id,name,price,code\nA2,Chair,89,008\n");
    rmSync(join(folder, "files/notes.txt"));
    const changed = await run("index", "files", "--json");
    expect(JSON.parse(changed.stdout)).toMatchObject({ passages: 6, removed: 3, skipped: [] });
    const same = await run("index", "files");
    expect(same.stdout).toBe("5 files, 6 passages: 0 new, 0 changed, 6 unchanged, 0 removed\n");
    const partly = await run("index", "files/deep", "--prune", "--json");
    expect(JSON.parse(partly.stdout)).toMatchObject({ files: 1, removed: 0 });
    const pruned = await run("index", "files", "--prune", "--json");
    expect(JSON.parse(pruned.stdout)).toMatchObject({ removed: 1 });
    const { stdout } = await run("stats", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ name: "documents", documents: 6 });
    expect((await run("stats")).stdout).toMatch(/^documents: 6 documents, .*MB/);
  });

  it("names what cannot be read, keeps what it held, and ends with code 3", async () => {
    write("corpus.jsonl", '{"_id":"q#1","title":"Moon","text":"The moon has no air."}\nbroken\n[1]\n{"id":"e"}\n');
    write("bad.txt", new Uint8Array([0xff, 0xfe, 0x00]));
    write("nul.txt", "text\0with nul");
    write("open.csv", 'content\n"never closed');
    const { exitCode, stdout, stderr } = await run(
      "index",
      "files",
      "nowhere",
      "files/picture.png",
      "--json",
      "--prune",
    );
    expect(exitCode).toBe(3);
    const { skipped, removed } = JSON.parse(stdout) as { skipped: { name: string; reason: string }[]; removed: number };
    expect(skipped.map(({ name, reason }) => `${name}: ${reason}`).sort()).toEqual([
      "files/bad.txt: is not UTF-8 text",
      "files/corpus.jsonl:2: is no JSON object",
      "files/corpus.jsonl:3: is no JSON object",
      "files/corpus.jsonl:4: has no text in `content` or `text`; name the fields by --content",
      "files/nul.txt: is not text: it contains NUL characters",
      "files/open.csv: the quote opened in line 2 is never closed",
      'files/picture.png: files of the kind ".png" are not read',
      "nowhere: cannot be read (ENOENT)",
    ]);
    // The file was not read to its end, so what it held stays.
    expect(removed).toBe(0);
    expect(stderr).toContain("Skipped nowhere: cannot be read (ENOENT)\n");
    expect(stderr).not.toContain('never closed"');
  });

  it("measures methods and rerankers on judged queries", async () => {
    write(
      "judged/queries.jsonl",
      '{"_id":"1","text":"is there air on the moon"}\n{"_id":"2","text":"how fast do glaciers move"}\n',
    );
    write("judged/qrels.tsv", "query-id\tcorpus-id\tscore\n1\tq#1\t1\n2\tfiles/deep/more.text\t1\n");
    write("judged/qrels.trec", "1 0 q#1 1\n2 0 files/deep/more.text 1\n");
    const args = ["eval", "--queries", "files/judged/queries.jsonl", "--method", "keyword", "--method", "hybrid"];
    const table = await run(...args, "--qrels", "files/judged/qrels.tsv");
    expect(table.exitCode).toBe(0);
    expect(table.stdout).toMatch(
      /^keyword: 2 queries\nstage +ndcg@10 +mrr@10 +recall@100 +ms p50 +p95\nfirst stage +\d/,
    );
    expect(table.stdout).toMatch(/\nbuiltin +1\.0000 \[\+?-?0\.\d+, \+0\.\d+\]/);
    const json = await run(
      ...args,
      "--qrels",
      "files/judged/qrels.trec",
      "--no-rerank",
      "--json",
      "--metric",
      "mrr@10",
    );
    expect(JSON.parse(json.stdout)).toMatchObject([
      {
        method: "keyword",
        queries: 2,
        skipped: 0,
        stages: [{ name: "first stage", perQuery: { 1: { "mrr@10": 1 } } }],
      },
      { method: "hybrid", queries: 2 },
    ]);
  });
});

describe("a collection with an embedder of its own", () => {
  const encoder = fileURLToPath(new URL("../../test/fixtures/models/tiny-sentence-encoder", import.meta.url));
  const TEXTS = [
    "The moon has no air.",
    "There is air on the moon, says a tale.",
    "The air on the moon is thin.",
    "Is the moon in the air?",
    "On the moon nobody sings.",
    "Air is what the moon lacks.",
  ];
  const query = "is there air on the moon";

  async function idsBy(...args: string[]): Promise<{ ids: string[]; firstStageWeight: number }> {
    const { stdout } = await run("search", query, "--collection", "moon", "--top-k", "6", "--json", ...args);
    const { hits, firstStageWeight } = JSON.parse(stdout) as { hits: { id: string }[]; firstStageWeight: number };
    return { ids: hits.map(({ id }) => id.replace("files/moon/moon.jsonl#", "")), firstStageWeight };
  }

  it("is searched, and measured, with more trust in its order than keywords have", async () => {
    write("moon/moon.jsonl", TEXTS.map((text, index) => JSON.stringify({ id: `m${index}`, text })).join("\n"));
    expect((await run("index", "files/moon", "--collection", "moon", "--embedder", encoder)).exitCode).toBe(0);
    const strong = await idsBy("--method", "semantic");
    const modest = await idsBy("--method", "semantic", "--first-stage-weight", "0.67");
    expect([strong.firstStageWeight, modest.firstStageWeight]).toEqual([3, 0.67]);
    expect((await idsBy("--method", "keyword")).firstStageWeight).toBe(0.67);
    const moved = strong.ids.find((id, rank) => modest.ids[rank] !== id) ?? "none";
    write("moon.queries", JSON.stringify({ _id: "1", text: query }));
    write("moon.qrels", `query-id\tcorpus-id\tscore\n1\t${moved}\t1\n`);
    const judged = ["--queries", "files/moon.queries", "--qrels", "files/moon.qrels", "--metric", "mrr@10", "--json"];
    const { stdout } = await run("eval", "--collection", "moon", "--method", "semantic", ...judged);
    const [{ stages }] = JSON.parse(stdout) as [{ stages: { name: string; perQuery: object }[] }];
    expect(stages.find(({ name }) => name === "builtin with first stage")?.perQuery).toEqual({
      1: { "mrr@10": 1 / (strong.ids.indexOf(moved) + 1) },
    });
  });
});

describe("multimodal search", () => {
  const shop = ["--collection", "shop"];
  const SPACES = [
    "title=text:title",
    "price=number:price:0..400:lower",
    "near=number:price:0..400:nearest",
    "brand=category:brand",
    "fresh=recency:released:365",
  ].flatMap((space) => ["--space", space]);
  const goods = [
    { id: "wh", text: "Headphones that cancel noise", title: "WH", price: 350, brand: "sony", released: "2022-05-20" },
    { id: "tune", text: "Light headphones", title: "Tune", price: 40, brand: "jbl", released: "2021-03-01" },
    { id: "knife", text: "A kitchen knife", title: "Santoku", price: 20, brand: 7, released: "2026-01-01" },
  ];

  beforeAll(async () => {
    write("shop/goods.jsonl", goods.map((record) => JSON.stringify(record)).join("\n"));
    const { exitCode, stdout } = await run("index", "files/shop", ...shop, ...SPACES, "--json");
    expect({ exitCode, counts: JSON.parse(stdout) }).toMatchObject({ exitCode: 0, counts: { inserted: 3 } });
  });

  interface Found {
    readonly hits: { id: string; score: number; stages: { spaces: Record<string, { score: number }> } }[];
    readonly reranked?: boolean;
  }

  async function search(...args: string[]): Promise<Found> {
    const { stdout, stderr } = await run("search", "headphones", ...shop, "--method", "multimodal", "--json", ...args);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Found;
  }

  const idsOf = ({ hits }: Found) => hits.map(({ id }) => id.replace("files/shop/goods.jsonl#", ""));
  const alone = ["--no-rerank", "--weight", "semantic=0", "--weight", "keyword=0"];

  it("remembers the spaces that index declared", async () => {
    const again = await run("index", "files/shop", ...shop, "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ unchanged: 3 });
    const other = await run("index", "files/shop", ...shop, "--space", "brand=category:brand");
    expect(other).toMatchObject({ exitCode: 1, stdout: "" });
    expect(other.stderr).toMatch(/made with other spaces: "brand" \(category\), "fresh" \(recency\)/);
    const { stdout } = await run("stats", ...shop, "--json");
    expect(JSON.parse(stdout).spaces).toMatchObject({
      title: { kind: "text", field: "title", embedder: expect.any(String), dimensions: expect.any(Number) },
      price: { kind: "number", field: "price", min: 0, max: 400, prefer: "lower" },
      fresh: { kind: "recency", field: "released", decayDays: 365 },
    });
    expect((await run("stats", ...shop)).stdout).toMatch(/\n {2}space {5}price: number of price\n/);
  });

  it("asks spaces for values, each with its weight", async () => {
    expect(idsOf(await search(...alone, "--space", "price"))).toEqual(["knife", "tune", "wh"]);
    expect(idsOf(await search(...alone, "--space", "near=340"))[0]).toBe("wh");
    expect(idsOf(await search(...alone, "--space", "title=Tune"))[0]).toBe("tune");
    const brands = await search(...alone, "--space", "brand=sony", "--space", "brand=7");
    expect(Object.fromEntries(idsOf(brands).map((id, n) => [id, brands.hits[n]?.score]))).toMatchObject({
      wh: 1,
      knife: 1,
      ...(brands.hits.length === 3 ? { tune: 0 } : {}),
    });
    const aged = await search(...alone, "--space", "fresh=2022-05-20", "--weight", "fresh=1");
    expect(aged.hits.find(({ id }) => id.endsWith("#tune"))?.score).toBeCloseTo(Math.exp(-445 / 365), 5);
    const all = await search("--no-rerank", "--weight", "price=3", "--space", "brand=sony", "--weight", "keyword=0.5");
    const { score, stages } = all.hits.find(({ id }) => id.endsWith("#wh")) ?? { score: -1, stages: { spaces: {} } };
    const { semantic, keyword, price, brand } = stages.spaces as Record<string, { score: number }>;
    expect(score).toBeCloseTo(
      ((semantic?.score ?? 0) + 0.5 * (keyword?.score ?? 0) + 3 * (price?.score ?? 0) + (brand?.score ?? 0)) / 5.5,
      9,
    );
  });

  it("counts beside the reranker as much as is said", async () => {
    const own = await search("--no-rerank", "--weight", "price=1");
    const weighed = await search("--weight", "price=1", "--first-stage-weight", "10");
    expect(idsOf(weighed)).toEqual(idsOf(own));
    const { hits } = await search("--weight", "price=1", "--first-stage-weight", "0");
    expect(hits.map(({ stages }) => Object.keys(stages).includes("combined"))).not.toContain(true);
  });

  it("is a first stage of the reranker, and of eval", async () => {
    const reranked = await search("--weight", "price=0.2", "--top-k", "1", "--where", '{"price":{"$lt":400}}');
    expect(reranked).toMatchObject({
      reranked: true,
      hits: [{ stages: { rerank: { rank: 1 }, spaces: { price: { score: expect.any(Number) } } } }],
    });
    write("judged-shop/queries.jsonl", '{"_id":"1","text":"headphones"}\n');
    write("judged-shop/qrels.tsv", "query-id\tcorpus-id\tscore\n1\ttune\t1\n");
    const judged = ["--queries", "files/judged-shop/queries.jsonl", "--qrels", "files/judged-shop/qrels.tsv"];
    const methods = ["--method", "keyword", "--method", "multimodal", "--weight", "price=5", "--weight", "fresh=0"];
    const evaluated = await run("eval", ...shop, ...judged, ...methods, "--no-rerank", "--json", "--metric", "mrr@10");
    expect(evaluated.stderr).not.toMatch(/--/);
    expect(JSON.parse(evaluated.stdout)).toMatchObject([
      { method: "keyword", queries: 1 },
      { method: "multimodal", queries: 1, stages: [{ perQuery: { 1: { "mrr@10": 1 } } }] },
    ]);
  });

  it.each([
    [["index", "files/shop", "--space", "price"], /--space must be name=kind:field/],
    [["index", "files/shop", "--space", "=text"], /--space must be name=kind:field/],
    [["index", "files/shop", "--space", "p=money:price"], /p=number:field:min\.\.max:lower/],
    [["index", "files/shop", "--space", "p=number:price:0:5"], /space p: its range must be a number/],
    [["index", "files/shop", "--space", "p=number:price:5..0:lower"], /`spaces.p.min` and `max` must be numbers/],
    [["index", "files/shop", "--space", "p=number:price:0..5:less"], /`spaces.p.prefer` must be one of/],
    [["index", "files/shop", "--space", "f=recency:at:soon"], /space f: its days must be a number/],
    [["index", "files/shop", "--space", "a=text", "--space", "a=text:b"], /--space a is declared twice/],
    [["search", "q", "--space", "price"], /--space and --weight need --method multimodal/],
    [
      ["search", "q", ...shop, "--method", "multimodal", "--space", "colour"],
      /It has: brand, fresh, near, price, title/,
    ],
    [["search", "q", ...shop, "--method", "multimodal", "--space", "near=x"], /--space near must be a number/],
    [["search", "q", ...shop, "--method", "multimodal", "--weight", "price"], /--weight must be name=number/],
    [["search", "q", ...shop, "--method", "multimodal", "--weight", "price=-1"], /`spaces.price.weight`/],
    [["search", "q", ...shop, "--method", "multimodal", "--space", "title=a", "--space", "title=b"], /takes one value/],
  ])("%j ends with code 2", async (args, message) => {
    const { exitCode, stdout, stderr } = await run(
      ...args,
      ...(args[0] === "index" ? ["--collection", "refused"] : []),
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });
});

describe("usage", () => {
  it.each([
    [["index"], /expected files or folders/],
    [["index", "nowhere-at-all"], /nothing to read was found/],
    [["index", "files", "--max-characters", "many"], /--max-characters must be a number/],
    [["index", "files", "--storage", "int8"], /`storage` must be one of: float32, float16/],
    [["index", "files", "--language", "klingon", "--collection", "k"], /`language` must be one/],
    [["search"], /expected one query/],
    [["search", "two", "words"], /quote it/],
    [["search", "q", "--where", "price<3"], /--where must be JSON/],
    [["search", "q", "--where", '{"price":{"$near":3}}'], /unknown operator `\$near`/],
    [["search", "q", "--method", "psychic"], /`method` must be one of/],
    [["search", "q", "--no-rerank", "--method", "psychic"], /--method must be/],
    [["search", "q", "--no-rerank", "--threshold", "0.5"], /--threshold/],
    [["search", "q", "--no-rerank", "--first-stage-weight", "0.5"], /--first-stage-weight/],
    [["search", "q", "--first-stage-weight", "11"], /`firstStageWeight` must be a number from 0 to 10/],
    [["eval"], /expected --queries and --qrels/],
    [["eval", "--queries", "nowhere", "--qrels", "nowhere"], /nowhere cannot be read/],
    [["stats", "extra"], /expected options only/],
    [["index", "--verbos"], /--verbos/],
  ])("%j ends with code 2", async (args, message) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("ends with code 1 where a collection is missing, and makes none", async () => {
    const { exitCode, stderr } = await run("search", "q", "--collection", "missing");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'There is no collection "missing" in this database. Fill it: pgvectordb index <paths…>\n',
    });
    expect((await run("stats", "--collection", "missing")).exitCode).toBe(1);
  });

  it.each(["index", "search", "eval", "stats", "rerank", "demo"])(
    "%s --help tells options and exit codes",
    async (name) => {
      const { exitCode, stdout, stderr } = await run(name, "--help");
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^Usage: pgvectordb ${name}`));
      expect(stdout).toMatch(/Exit codes: 0 done, 1 failed, 2 wrong usage, .*130 interrupted/);
    },
  );
});
