import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ProtobufMessage } from "../compiler/protobuf-message.ts";
import { fixtureModel } from "../fixture-models.suite.ts";
import { ProtobufError } from "./protobuf-reader.ts";
import { readOnnxGraph } from "./read-onnx-graph.ts";

const file = readFileSync(`${fixtureModel("tiny-bert-two-labels")}/onnx/model.onnx`);

const message = () => new ProtobufMessage();
const tensor = (shape: readonly number[], elementType: number, data: Uint8Array) =>
  message().integers(1, shape).integer(2, elementType).text(8, "weights").bytes(9, data);
const modelOf = (graph: ProtobufMessage) =>
  message().integer(1, 8).message(7, graph).message(8, message().integer(2, 17));
const withTensor = (...tensors: ProtobufMessage[]) =>
  modelOf(tensors.reduce((graph, one) => graph.message(5, one), message())).toBytes();

describe("an ONNX file", () => {
  test("is read: nodes, tensors, inputs, outputs, versions", () => {
    const graph = readOnnxGraph(file);
    expect(graph.inputs).toContain("input_ids");
    expect(graph.outputs).toEqual(["logits"]);
    expect(graph.opsets.map(([domain]) => domain)).toContain("");
    expect(graph.nodes.length).toBeGreaterThan(20);
    const known = new Set([...graph.inputs, ...graph.tensors.keys(), ""]);
    for (const { inputs, outputs } of graph.nodes) {
      for (const input of inputs) expect(known).toContain(input);
      for (const output of outputs) known.add(output);
    }
  });

  test("has tensors that are views of it, with as many bytes as their shapes say", () => {
    const { tensors } = readOnnxGraph(withTensor(tensor([2, 3], 1, new Uint8Array(24).fill(7))));
    expect(tensors.get("weights")).toEqual({ elementType: 1, shape: [2, 3], bytes: new Uint8Array(24).fill(7) });
  });

  test.each<[string, Uint8Array]>([
    ["is empty", new Uint8Array()],
    ["has no graph", message().integer(1, 8).toBytes()],
    ["has two graphs", modelOf(message()).message(7, message()).toBytes()],
    ["has functions", modelOf(message()).message(25, message()).toBytes()],
    ["has sparse tensors", modelOf(message().message(15, message())).toBytes()],
    ["has a number for a graph", message().integer(7, 1).toBytes()],
    ["has a tensor of fewer bytes than its shape says", withTensor(tensor([2, 3], 1, new Uint8Array(23)))],
    ["has a tensor of more bytes than its shape says", withTensor(tensor([2, 3], 3, new Uint8Array(7)))],
    ["has a tensor of a negative length", withTensor(tensor([-1, -6], 3, new Uint8Array(6)))],
    ["has a tensor of a length beyond any", withTensor(tensor([2 ** 40, 2 ** 40], 3, new Uint8Array(6)))],
    ["has a tensor of texts", withTensor(tensor([1], 8, new Uint8Array(1)))],
    ["has a tensor whose values are elsewhere", withTensor(tensor([1], 3, new Uint8Array(1)).integer(14, 1))],
    ["has a tensor without a name", withTensor(message().integer(2, 3).bytes(9, new Uint8Array(1)))],
    ["has two tensors of a name", withTensor(tensor([1], 3, new Uint8Array(1)), tensor([1], 3, new Uint8Array(1)))],
    ["has a name that is no text", modelOf(message().message(11, message().bytes(1, Uint8Array.of(255)))).toBytes()],
    ["has a node without an operator", modelOf(message().message(1, message().text(1, "a"))).toBytes()],
  ])("is refused when it %s", (_, hostile) => {
    expect(() => readOnnxGraph(hostile)).toThrow(ProtobufError);
  });

  test("that is cut or changed anywhere is read or refused", () => {
    let refused = 0;
    for (let i = 0; i < 600; i++) {
      const place = (i * 7919) % Math.min(file.byteLength, 60_000);
      const changed = Uint8Array.from(file);
      changed[place] = (changed[place] as number) ^ (1 << (i % 8));
      for (const hostile of [changed, changed.subarray(0, place)]) {
        try {
          readOnnxGraph(hostile);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(600);
  });
});
