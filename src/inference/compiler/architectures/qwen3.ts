import { qwenDecoder } from "./qwen-decoder.ts";

/** `transformers` Qwen3ForCausalLM scored by its answers, Qwen3ForSequenceClassification and Qwen3Model. */
export const qwen3 = qwenDecoder({
  name: "Qwen3",
  headNorms: true,
  biases(config) {
    const bias = config.flag("attention_bias", false);
    return { input: bias, output: bias };
  },
  headSize: () => 128,
});
