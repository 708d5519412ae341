import { qwenDecoder } from "./qwen-decoder.ts";

/** `transformers` Qwen2ForCausalLM scored by its answers, Qwen2ForSequenceClassification and Qwen2Model. */
export const qwen2 = qwenDecoder({
  name: "Qwen2",
  headNorms: false,
  biases: () => ({ input: true, output: false }),
  headSize: (hiddenSize, heads) => Math.floor(hiddenSize / heads),
});
