import type { Figure } from "./figure.ts";
import { median } from "./median.ts";
import { type RaceResult, type Runner, timesAsLong } from "./race.ts";

/** How much faster ours must be, by the key of the other. */
interface RatioBars {
  readonly int8: number | undefined;
  readonly fp32: number | undefined;
}

const SHORT_BARS: Readonly<Record<string, RatioBars>> = {
  torch: { int8: 5.5, fp32: 2.2 },
  transformersjs: { int8: 3, fp32: undefined },
  onebatch8: { int8: 3.5, fp32: undefined },
  onebatch32: { int8: 3.5, fp32: undefined },
};
const PEAK_BARS: Readonly<Partial<Record<RaceReport["request"], number>>> = { short: 60, long: 50 };
const OURS = ["int8", "fp32"] as const;
/** Ours without the kernels of our own, by key: their gain is printed, with no bar. */
const OURS_ELSEWHERE: Readonly<Record<string, (typeof OURS)[number]>> = { "int8-onnx": "int8", "fp32-onnx": "fp32" };
/** How far float32 logits may be from the reference's. */
const MOST_DIFFERENCE = 1e-4;

export interface RaceReport {
  readonly request: "short" | "long" | "embed";
  readonly runners: readonly Runner[];
  readonly result: RaceResult;
  /** Multiply-adds of one run, when the model's shape is known. */
  readonly multiplyAdds: number | undefined;
}

/** Times, ratios with their bars, and the share of the machine's peak. */
export function raceFigures({ request, runners, result, multiplyAdds }: RaceReport): Figure[] {
  const times = runners
    .filter(({ key }) => key !== "peak")
    .map(({ key, name }): Figure => {
      const values = (result.get(key) ?? []).map(({ ms }) => ms);
      const range = `${Math.min(...values).toFixed(0)}..${Math.max(...values).toFixed(0)} ms`;
      return { name: `${request}: ${name}`, value: median(values), unit: " ms", note: range };
    });
  return [...times, ...ratioFigures(request, runners, result), ...peakFigures(request, result, multiplyAdds)];
}

function ratioFigures(request: string, runners: readonly Runner[], result: RaceResult): Figure[] {
  const others = runners.filter(({ key }) => key !== "peak" && !OURS.some((ours) => ours === key));
  return others.flatMap(({ key, name }) =>
    OURS.filter((ours) => (OURS_ELSEWHERE[key] ?? ours) === ours).flatMap((ours): Figure[] => {
      const bar = request === "short" ? SHORT_BARS[key]?.[ours] : undefined;
      const value = timesAsLong(result, key, ours);
      return [
        {
          name: `${request}: ours ${ours} against ${name}`,
          value,
          unit: "x",
          digits: 2,
          bar: bar === undefined ? undefined : { least: bar },
        },
      ];
    }),
  );
}

/** The share of each round's own peak, which the same weather made. */
function peakFigures(request: RaceReport["request"], result: RaceResult, multiplyAdds: number | undefined): Figure[] {
  const peaks = result.get("peak");
  const least = PEAK_BARS[request];
  if (least === undefined || peaks === undefined || multiplyAdds === undefined) return [];
  const rates = (type: 0 | 1) => peaks.map(({ scores }) => scores[type] as number);
  const share = (ours: string, type: 0 | 1) => {
    const runs = result.get(ours);
    if (runs === undefined) return undefined;
    return median(runs.map(({ ms }, round) => (2e-6 * multiplyAdds * 100) / ms / (rates(type)[round] as number)));
  };
  return [
    { name: `${request}: peak of int8 products`, value: median(rates(0)), unit: " GOP/s" },
    { name: `${request}: peak of float32 products`, value: median(rates(1)), unit: " GFLOP/s" },
    {
      name: `${request}: share of the int8 peak, text to scores`,
      value: share("int8", 0),
      unit: " %",
      bar: { least },
    },
    { name: `${request}: share of the float32 peak`, value: share("fp32", 1), unit: " %" },
  ];
}

/** The largest difference of two runners' logits, where both ran. */
export function differenceFigure({ request, result }: RaceReport): Figure | undefined {
  const [ours, theirs] = [result.get("fp32")?.[0]?.scores, result.get("torch")?.[0]?.scores];
  if (ours === undefined || theirs === undefined) return undefined;
  const value = Math.max(...ours.map((score, index) => Math.abs(score - (theirs[index] as number))));
  return {
    name: `${request}: largest difference of float32 numbers`,
    value,
    unit: "",
    digits: 7,
    bar: { most: MOST_DIFFERENCE },
    required: true,
  };
}
