import {
  type BertFamily,
  type BertFamilySizes,
  EMBEDDINGS_PREFIX,
  headCheckpoint,
} from "../compiler/architectures/bert-family.ts";
import { bertLayerPrefix } from "../compiler/architectures/bert-layers.ts";
import type { Checkpoint, Weight } from "../compiler/checkpoint.ts";
import { BERT_LAYER_NAMES as NAMES } from "../compiler/post-norm-encoder.ts";

/** How many numbers a model of these sizes holds, nearly: without biases and norms. */
export function countNumbers({ vocabulary, positions, hidden, intermediate, layers }: BertFamilySizes): number {
  return (vocabulary + positions) * hidden + layers * hidden * (4 * hidden + 2 * intermediate);
}

/**
 * The weights in the order in which the addon takes them, by the parts in which it does: the words, and then what else is embedded, each layer,
 * and the head where there are labels.
 *
 * @throws PgVectorDBError `model_invalid` for a tensor that is missing or has another shape
 */
export function nativeParts(
  checkpoint: Checkpoint,
  family: BertFamily,
  sizes: BertFamilySizes & { readonly labels: number | undefined },
): { readonly words: Weight; readonly others: readonly (readonly Weight[])[] } {
  const { hidden, intermediate, labels } = sizes;
  const base = checkpoint.base(family.prefix);
  const table = (name: string, rows: number) =>
    base.weight(`${EMBEDDINGS_PREFIX}${name}_embeddings.weight`, [rows, hidden]);
  const layers = Array.from({ length: sizes.layers }, (_, index) => {
    const at = (name: string) => bertLayerPrefix(index) + name;
    return [
      ...linear(base, at(NAMES.query), hidden, hidden),
      ...linear(base, at(NAMES.key), hidden, hidden),
      ...linear(base, at(NAMES.value), hidden, hidden),
      ...linear(base, at(NAMES.attentionOutput), hidden, hidden),
      ...norm(base, at(NAMES.attentionNorm), hidden),
      ...linear(base, at(NAMES.intermediate), intermediate, hidden),
      ...linear(base, at(NAMES.output), hidden, intermediate),
      ...norm(base, at(NAMES.outputNorm), hidden),
    ];
  });
  const embedded = [
    table("position", sizes.positions),
    table("token_type", sizes.tokenTypes),
    ...norm(base, `${EMBEDDINGS_PREFIX}LayerNorm`, hidden),
  ];
  return {
    words: table("word", sizes.vocabulary),
    others: [embedded, ...layers, ...(labels === undefined ? [] : [head(checkpoint, family, hidden, labels)])],
  };
}

function head(checkpoint: Checkpoint, family: BertFamily, hidden: number, labels: number): Weight[] {
  return [
    ...linear(headCheckpoint(checkpoint, family), family.head.dense, hidden, hidden),
    ...linear(checkpoint, family.head.out, labels, hidden),
  ];
}

function linear(checkpoint: Checkpoint, name: string, outputs: number, inputs: number): Weight[] {
  return [checkpoint.weight(`${name}.weight`, [outputs, inputs]), checkpoint.weight(`${name}.bias`, [outputs])];
}

function norm(checkpoint: Checkpoint, name: string, size: number): Weight[] {
  return [checkpoint.weight(`${name}.weight`, [size]), checkpoint.weight(`${name}.bias`, [size])];
}
