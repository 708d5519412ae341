/** What runs models in this process, by the libraries that it has loaded. */
export function loadedEngine(): string {
  const { sharedObjects } = process.report.getReport() as { sharedObjects?: readonly string[] };
  const isLoaded = (pattern: RegExp) => sharedObjects?.some((path) => pattern.test(path)) ?? false;
  // The native engine may be loaded to ask whether it runs here; ONNX Runtime is loaded only where it runs something.
  if (isLoaded(/onnxruntime/)) return "ONNX Runtime";
  return isLoaded(/[\\/]native[\\/][^\\/]+\.node$/) ? "native engine" : "unknown engine";
}
