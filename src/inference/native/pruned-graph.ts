import { createHash } from "node:crypto";
import { ELEMENT_CODES } from "../compiler/graph-writer.ts";
import type { OnnxGraph, OnnxTensor } from "../onnx/read-onnx-graph.ts";

/**
 * SHA-256 of what `training/onnx_encoder.py` and `training/onnx_match_head.py` write for six layers and twelve heads, as
 * `fingerprint` sees it: whatever else a graph computes has another. A change of the exporter needs a change of the
 * kernels, and then this one.
 */
const FINGERPRINT = "6a4b85ed15de203a5b3d1e8f0a0cc866f525593064065c4f8cd9c10e6e337719";

/** Constants that may differ from model to model, by when the graph first uses them among its small constants. */
const PARAMETERS = {
  keepUncounted: 7,
  keepPercent: 8,
  keepAtLeast: 11,
  matched: 26,
  alike: 27,
  classifierBias: 29,
  first: 30,
  lexicalSlope: 31,
  lexicalRoom: 32,
  lexicalRise: 33,
  lexicalMass: 34,
  bias: 35,
} as const;

/** Larger ones are weights. */
const SMALL_BYTES = 16;

export type PrunedParameters = Readonly<Record<keyof typeof PARAMETERS, number>>;

/** The numbers of a graph that is the package's own cross-encoder in everything but these and its weights; else `undefined`. */
export function recognizePrunedGraph(graph: OnnxGraph): PrunedParameters | undefined {
  const { digest, constants } = fingerprint(graph);
  if (digest !== FINGERPRINT) return undefined;
  const values = Object.entries(PARAMETERS).map(([name, place]) => [name, readNumber(constants[place])] as const);
  return Object.fromEntries(values) as PrunedParameters;
}

/** What a graph computes, whatever its values are called. Weights count by their names: `prunedTensors` checks their shapes. */
export function fingerprint({ opsets, nodes, tensors, inputs, outputs }: OnnxGraph): {
  readonly digest: string;
  readonly constants: readonly OnnxTensor[];
} {
  const parameters: ReadonlySet<number> = new Set(Object.values(PARAMETERS));
  const constants: OnnxTensor[] = [];
  const names = new Map<string, string>([["", "nothing"], ...inputs.map((name) => [name, `input ${name}`] as const)]);
  const nameOf = (input: string): string => {
    const known = names.get(input);
    if (known !== undefined) return known;
    const tensor = tensors.get(input);
    let name = `unknown ${input}`;
    if (tensor !== undefined && tensor.bytes.byteLength > SMALL_BYTES) name = `weight ${input}`;
    else if (tensor !== undefined) {
      const content = parameters.has(constants.length) ? "parameter" : Buffer.from(tensor.bytes).toString("hex");
      name = `constant ${constants.length} ${tensor.elementType} [${tensor.shape}] ${content}`;
      constants.push(tensor);
    }
    names.set(input, name);
    return name;
  };
  const steps = nodes.map((node, index) => {
    const taken = node.inputs.map(nameOf);
    for (const [place, output] of node.outputs.entries()) {
      // A name that stands for two things: which of them is read is the runtime's affair.
      names.set(output, names.has(output) || tensors.has(output) ? `ambiguous ${output}` : `value ${index} ${place}`);
    }
    const attributes = node.attributes.map((bytes) => Buffer.from(bytes).toString("hex"));
    return [node.domain, node.operator, taken, node.outputs.length, attributes];
  });
  const results = outputs.map((name) => [name, nameOf(name)]);
  const ports = inputs.filter((name) => tensors.has(name));
  const digest = createHash("sha256")
    .update(JSON.stringify([opsets, steps, results, ports]))
    .digest("hex");
  return { digest, constants };
}

function readNumber(tensor: OnnxTensor | undefined): number {
  if (tensor === undefined) return Number.NaN;
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  return tensor.elementType === ELEMENT_CODES.int64 ? Number(view.getBigInt64(0, true)) : view.getFloat32(0, true);
}
