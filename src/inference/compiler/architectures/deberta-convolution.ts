import { activationOf } from "../activation.ts";
import { type EncoderContext, layerNormAt } from "../encoder-context.ts";
import type { Value } from "../graph-writer.ts";

/**
 * What DeBERTa-v2's larger models add to the first layer: a convolution over the embeddings, which lets each token see
 * its neighbours. `undefined` for models without one.
 *
 * @param context of the base model
 * @param embedded the embeddings, `[batch, sequence, hidden]`; the result has their shape
 * @throws PgVectorDBError `model_invalid`
 */
export function convolution(context: EncoderContext, embedded: Value, hidden: number): Value | undefined {
  const { config, checkpoint, graph, inputs, layers } = context;
  const kernel = config.integer("conv_kernel_size", 0);
  if (kernel <= 0) return undefined;
  if (kernel % 2 === 0) throw config.unsupported("conv_kernel_size", "only an odd one keeps the number of tokens");
  const groups = config.size("conv_groups", 1);
  if (hidden % groups !== 0) throw config.unsupported("conv_groups", `it does not divide \`hidden_size\` (${hidden})`);
  const weight = layers.table(checkpoint.weight("encoder.conv.conv.weight", [hidden, hidden / groups, kernel]));
  const bias = layers.vector(checkpoint.weight("encoder.conv.conv.bias", [hidden]));
  const side = (kernel - 1) / 2;
  // A text's last token has zeros beside it, also where another text of the batch goes on.
  const rows = inputs.mask === undefined ? embedded : graph.apply("Mul", [embedded, tokenRows(context, inputs.mask)]);
  const convolved = graph.apply("Conv", [graph.apply("Transpose", [rows], { perm: [0, 2, 1] }), weight, bias], {
    group: groups,
    kernel_shape: [kernel],
    pads: [side, side],
  });
  return activationOf(config, "conv_act", "tanh")(graph, graph.apply("Transpose", [convolved], { perm: [0, 2, 1] }));
}

/** The first layer's output with the convolution's, normalised. */
export function addConvolution(
  context: EncoderContext,
  output: Value,
  convolved: Value,
  hidden: number,
  epsilon: number,
): Value {
  const sum = context.graph.apply("Add", [output, convolved]);
  return layerNormAt(context, sum, "encoder.conv.LayerNorm", hidden, epsilon);
}

/** 1 for each token and 0 for padding: `[batch, sequence, 1]`. */
function tokenRows({ graph }: EncoderContext, mask: Value): Value {
  return graph.apply("Unsqueeze", [graph.apply("Cast", [mask], { to: 1 }), graph.integers(2)]);
}
