import { labelCount } from "../compiler/architectures/label-count.ts";
import type { Checkpoint, Weight } from "../compiler/checkpoint.ts";
import { rotaryFrequencies } from "../compiler/rotary-positions.ts";
import type { ModernbertHead, ModernbertModel } from "./modernbert-model.ts";

/** Logits of the model's head, where it has one. @throws PgVectorDBError `model_invalid` */
export function modernbertLabels(checkpoint: Checkpoint, { head }: ModernbertModel): number | undefined {
  return head && labelsOf(checkpoint, head);
}

function labelsOf(checkpoint: Checkpoint, head: ModernbertHead): number {
  return head.kind === "modules" ? head.out.outputs : labelCount({ checkpoint }, "classifier");
}

/**
 * The weights in the order in which the addon takes them, by the parts in which it does: the words, and then what else is embedded, each layer, and the
 * head. Where a model has no bias there are zeros.
 *
 * @throws PgVectorDBError `model_invalid` for a tensor that is missing or has another shape
 */
export function modernbertParts(
  checkpoint: Checkpoint,
  model: ModernbertModel,
): { readonly words: Weight; readonly others: readonly (readonly Weight[])[] } {
  const { shape, thetas, biases, head } = model;
  const { hidden, inner, layers } = shape;
  const base = checkpoint.base("model.");
  const normAt = (name: string) => named(base, name, [hidden], biases.norm);
  const linear = (name: string, outputs: number, inputs: number, bias: boolean) =>
    named(base, name, [outputs, inputs], bias);
  const layerAt = (index: number) => {
    const prefix = `layers.${index}.`;
    return [
      ...linear(`${prefix}attn.Wqkv`, 3 * hidden, hidden, biases.attention),
      ...linear(`${prefix}attn.Wo`, hidden, hidden, biases.attention),
      ...normAt(`${prefix}mlp_norm`),
      ...linear(`${prefix}mlp.Wi`, 2 * inner, hidden, biases.feedForward),
      ...linear(`${prefix}mlp.Wo`, hidden, inner, biases.feedForward),
      // What the next layer begins with; the first begins with the embeddings' norm.
      ...normAt(index + 1 < layers ? `layers.${index + 1}.attn_norm` : "final_norm"),
    ];
  };
  const embedded = [
    ...normAt("embeddings.norm"),
    ...rotaryTables(shape, thetas.global),
    ...rotaryTables(shape, thetas.local),
  ];
  return {
    words: base.weight("embeddings.tok_embeddings.weight", [shape.vocabulary, hidden]),
    others: [
      embedded,
      ...Array.from({ length: layers }, (_, index) => layerAt(index)),
      ...(head === undefined ? [] : [headTensors(checkpoint, model, head)]),
    ],
  };
}

function headTensors(checkpoint: Checkpoint, { shape, biases }: ModernbertModel, head: ModernbertHead): Weight[] {
  const { hidden } = shape;
  const labels = labelsOf(checkpoint, head);
  if (head.kind === "own") {
    return [
      ...named(checkpoint, "head.dense", [hidden, hidden], head.denseBias),
      ...named(checkpoint, "head.norm", [hidden], biases.norm),
      ...named(checkpoint, "classifier", [labels, hidden], true),
    ];
  }
  const { dense, norm, out } = head;
  return [
    ...named(checkpoint, `${dense.folder}/linear`, [hidden, hidden], dense.bias),
    ...named(checkpoint, `${norm.folder}/norm`, [hidden], true),
    ...named(checkpoint, `${out.folder}/linear`, [labels, hidden], out.bias),
  ];
}

/** Weight and bias of something with so many outputs. */
function named(checkpoint: Checkpoint, name: string, shape: readonly [number, ...number[]], bias: boolean): Weight[] {
  const [outputs] = shape;
  const weight = checkpoint.weight(`${name}.weight`, shape);
  return [weight, bias ? checkpoint.weight(`${name}.bias`, [outputs]) : made("no bias", [outputs], () => 0)];
}

/** Cosines and sines of every position's angles, each `[positions, head / 2]`. */
function rotaryTables({ hidden, heads, positions }: ModernbertModel["shape"], theta: number): Weight[] {
  const frequencies = rotaryFrequencies(hidden / heads, theta);
  const { length } = frequencies;
  const table = (of: (angle: number) => number) =>
    made("rotary table", [positions, length], (index) => {
      // In float32, as the reference multiplies them.
      const angle = Math.fround(Math.floor(index / length) * (frequencies[index % length] as number));
      return of(angle);
    });
  return [table(Math.cos), table(Math.sin)];
}

/** A tensor that no checkpoint has. It is read as a whole. */
function made(name: string, shape: readonly number[], valueAt: (index: number) => number): Weight {
  const length = shape.reduce((product, size) => product * size, 1);
  return { name, shape, readRows: async () => Float32Array.from({ length }, (_, index) => valueAt(index)) };
}
