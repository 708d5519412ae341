import { logNative } from "./native-addon.ts";

/** Says why ONNX Runtime runs a model, to whom asks for it, and gives no session. */
export function leaveToRuntime(reason: string): undefined {
  logNative("ONNX Runtime runs the model, not the native engine: %s", reason);
  return undefined;
}
