import type { ConfigReader } from "./config-reader.ts";
import type { GraphWriter, Value } from "./graph-writer.ts";

type Activation = (graph: GraphWriter, x: Value) => Value;

const gelu: Activation = (graph, x) => graph.applyMicrosoft("Gelu", [x]);
/** 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))) */
const geluTanh: Activation = (graph, x) => graph.applyMicrosoft("FastGelu", [x]);
const silu: Activation = (graph, x) => graph.apply("Mul", [x, graph.apply("Sigmoid", [x])]);

/** By the names of `transformers.activations.ACT2FN`. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu,
  gelu_python: gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_accurate: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_python_tanh: geluTanh,
  linear: (_graph, x) => x,
  quick_gelu: (graph, x) => {
    const gate = graph.apply("Sigmoid", [graph.apply("Mul", [x, graph.number(1.702)])]);
    return graph.apply("Mul", [x, gate]);
  },
  relu: (graph, x) => graph.apply("Relu", [x]),
  sigmoid: (graph, x) => graph.apply("Sigmoid", [x]),
  silu,
  swish: silu,
  tanh: (graph, x) => graph.apply("Tanh", [x]),
};

/**
 * The activation that `field` of config.json names.
 *
 * @throws PgVectorDBError `model_invalid` for one that is not compiled
 */
export function activationOf(config: ConfigReader, field: string, fallback: string): Activation {
  const name = config.text(field, fallback);
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (activation === undefined) {
    throw config.unsupported(field, `only ${Object.keys(ACTIVATIONS).join(", ")} are compiled`);
  }
  return activation;
}

/** By the class names of `torch.nn`, of which each has one of the names above. */
export const TORCH_ACTIVATIONS = {
  GELU: "gelu",
  Identity: "linear",
  ReLU: "relu",
  SiLU: "silu",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
} as const;

export type ModuleActivation = (typeof TORCH_ACTIVATIONS)[keyof typeof TORCH_ACTIVATIONS];

/** An activation that config.json has no say in: the architecture fixes it, or a module names it. */
export function fixedActivation(name: ModuleActivation): Activation {
  return ACTIVATIONS[name] as Activation;
}
