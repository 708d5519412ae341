import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { BUILTIN_RERANKER, shippedModelFolder } from "../../shipped-model.ts";
import { fixtureModel } from "../fixture-models.suite.ts";
import { type OnnxGraph, type OnnxTensor, readOnnxGraph } from "../onnx/read-onnx-graph.ts";
import { recognizePrunedGraph } from "./pruned-graph.ts";
import { prunedSizes, prunedTensors } from "./pruned-tensors.ts";
import { decodePrunedModel, MOST_BYTES, readPrunedModel } from "./read-pruned-model.ts";

const path = join(shippedModelFolder(BUILTIN_RERANKER), "onnx", "model_int8.onnx");
let file: Uint8Array;
let graph: OnnxGraph;
beforeAll(() => {
  file = readFileSync(path);
  graph = readOnnxGraph(file);
});

function withTensor(name: string, change: (tensor: OnnxTensor) => OnnxTensor | undefined): OnnxGraph {
  const tensors = new Map(graph.tensors);
  const changed = change(tensors.get(name) as OnnxTensor);
  tensors.delete(name);
  if (changed !== undefined) tensors.set(name, changed);
  return { ...graph, tensors };
}

const withNodes = (change: (nodes: OnnxGraph["nodes"]) => OnnxGraph["nodes"]): OnnxGraph => ({
  ...graph,
  nodes: change(graph.nodes),
});
const replaced = (operator: string, change: (node: OnnxGraph["nodes"][number]) => object) =>
  withNodes((nodes) => {
    const index = nodes.findIndex((node) => node.operator === operator);
    return nodes.map((node, i) => (i === index ? { ...node, ...change(node) } : node));
  });

describe("an ONNX file as the package's own reranker", () => {
  // A new version of the model whose graph is another runs in ONNX Runtime until the kernels know it: see pruned-graph.ts.
  test("is what the package ships", async () => {
    const read = decodePrunedModel(file);
    if (typeof read === "string") throw new Error(read);
    expect(read.shape).toMatchObject({ hidden: 384, heads: 12, layers: 6, positions: 512, epsilon: 1e-12 });
    expect(read.shape.keepPercent).toBeGreaterThan(0);
    for (const value of Object.values(read.shape)) expect(Number.isFinite(value)).toBe(true);
    expect(read.tensors).toHaveLength(8 + 6 * 22 + 10);
    const fromDisk = await readPrunedModel(path, file.byteLength);
    expect(fromDisk).toMatchObject({ shape: read.shape });
  });

  test("may have other names for what it computes, and other weights", () => {
    const rename = (name: string) => (/^[A-Z]/.test(name) ? `other_${name}` : name);
    const renamed = withNodes((nodes) =>
      nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
    );
    const expected = recognizePrunedGraph(graph);
    expect(expected).toBeDefined();
    expect(recognizePrunedGraph(renamed)).toEqual(expected);
    const weights = withTensor("words.values", (tensor) => ({ ...tensor, bytes: tensor.bytes.map((x) => 255 - x) }));
    expect(recognizePrunedGraph(weights)).toEqual(expected);
  });

  test("is none where anything is computed otherwise", () => {
    const changed: OnnxGraph[] = [
      withNodes((nodes) => nodes.slice(1)),
      withNodes((nodes) => nodes.slice(0, -1)),
      withNodes((nodes) => [...nodes, nodes[0] as OnnxGraph["nodes"][number]]),
      replaced("Erf", () => ({ operator: "Tanh" })),
      replaced("Erf", () => ({ domain: "other" })),
      replaced("TopK", ({ attributes }) => ({ attributes: attributes.slice(1) })),
      replaced("MultiHeadAttention", ({ attributes }) => ({
        attributes: attributes.map((x) => x.with(x.length - 3, 6)),
      })),
      replaced("Sub", ({ inputs }) => ({ inputs: inputs.toReversed() })),
      replaced("Add", () => ({ inputs: ["input_ids", "input_ids"] })),
      withTensor("integers_99", (tensor) => ({ ...tensor, bytes: tensor.bytes.with(0, 98) })),
      withTensor("ranks", (tensor) => ({ ...tensor, bytes: tensor.bytes.with(3, 0) })),
      withTensor("weight_zero", () => undefined),
      withTensor(`integers_${recognizePrunedGraph(graph)?.keepPercent}`, (tensor) => ({ ...tensor, shape: [] })),
      { ...graph, opsets: graph.opsets.map(([domain, version]) => [domain, version + 1] as const) },
      { ...graph, outputs: ["input_ids"] },
      { ...graph, tensors: new Map([...graph.tensors, ["input_ids", graph.tensors.get("integers_0") as OnnxTensor]]) },
    ];
    for (const [index, other] of changed.entries())
      expect(recognizePrunedGraph(other), `change ${index}`).toBeUndefined();
  });

  test("names the weight that is missing or misshapen", () => {
    const sizes = prunedSizes(graph, 6);
    expect(prunedTensors(graph, sizes)).toBeInstanceOf(Array);
    for (const name of ["positions.scales", "layer3.outer.weight", "classifier.weight", "sentence.bias"]) {
      expect(
        prunedTensors(
          withTensor(name, () => undefined),
          sizes,
        ),
      ).toBe(name);
      expect(
        prunedTensors(
          withTensor(name, (tensor) => ({ ...tensor, elementType: 7 })),
          sizes,
        ),
      ).toBe(name);
      expect(
        prunedTensors(
          withTensor(name, (tensor) => ({ ...tensor, shape: [...tensor.shape, 1] })),
          sizes,
        ),
      ).toBe(name);
    }
  });

  test("is none where it is another model, damaged, or large, with the reason", async () => {
    for (const name of ["tiny-bert-two-labels", "tiny-bert-cross-encoder"]) {
      const other = join(fixtureModel(name), "onnx", "model.onnx");
      expect(await readPrunedModel(other, 1)).toMatch(/own reranker alone/);
    }
    expect(decodePrunedModel(file.subarray(0, 1_000_000))).toMatch(/a part is longer/);
    expect(decodePrunedModel(new Uint8Array())).toMatch(/one graph/);
    expect(await readPrunedModel("nowhere", MOST_BYTES + 1)).toMatch(/own reranker alone/);
  });
});
