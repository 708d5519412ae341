import { PgVectorDBError } from "../../errors.ts";
import type { SafetensorsSource } from "./open-safetensors.ts";
import type { SafetensorsTensor } from "./safetensors-header.ts";

/** Where a tensor is: a file, and the name that it has there. */
export interface TensorPlace {
  readonly source: SafetensorsSource;
  readonly name: string;
}

/** Several open files as one, with the tensors of `places` under their names there. Each must be in its file. */
export function joinSources(
  sources: readonly SafetensorsSource[],
  places: ReadonlyMap<string, TensorPlace>,
): SafetensorsSource {
  const placeOf = (name: string): TensorPlace => {
    const place = places.get(name);
    if (place === undefined) throw new PgVectorDBError("model_invalid", `No weights file has the tensor "${name}".`);
    return place;
  };
  const tensorAt = ({ source, name }: TensorPlace) => source.tensors.get(name) as SafetensorsTensor;
  return {
    tensors: new Map([...places].map(([name, place]) => [name, tensorAt(place)])),
    read: async (name, begin, end) => {
      const place = placeOf(name);
      return place.source.read(place.name, begin, end);
    },
    pathOf: (name) => {
      const place = placeOf(name);
      return place.source.pathOf(place.name);
    },
    close: () => closeAll(sources),
  };
}

export async function closeAll(sources: readonly SafetensorsSource[]): Promise<void> {
  await Promise.all(sources.map((source) => source.close()));
}
