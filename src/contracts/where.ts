type Scalar = string | number | boolean | Date | null;

/** One field's condition: the value itself, or operators that must all hold. */
export type Condition<Value> =
  | Value
  | {
      readonly $in?: readonly Value[] | undefined;
      readonly $gt?: Ordered<Value> | undefined;
      readonly $gte?: Ordered<Value> | undefined;
      readonly $lt?: Ordered<Value> | undefined;
      readonly $lte?: Ordered<Value> | undefined;
    };

type Ordered<Value> = Exclude<Value, boolean | null | readonly unknown[]>;

/**
 * Conditions on metadata, all of which must hold. Nested fields are reached by dots: `{ "size.width": { $lte: 40 } }`.
 * Numbers compare as numbers and strings as strings; a field of another type does not match. A field that is an array
 * equals a value when it contains it. `null` matches a field that is null or missing.
 */
export type Where<Metadata extends object> = {
  readonly [Path in PathsOf<Metadata>]?: Condition<FilterValue<ValueAt<Metadata, Path>>> | undefined;
};

/** Elements stand for arrays, and a missing field may be asked for by `null`. */
type FilterValue<Value> = Value extends readonly (infer Element)[]
  ? FilterValue<Element>
  : unknown extends Value
    ? Scalar
    : Value extends undefined
      ? null
      : Value extends Date
        ? Date | string
        : Value extends Scalar
          ? Value
          : never;

/** `a`, `b.c`, `b.c.d`: the paths to what is not an object itself. */
type PathsOf<Metadata, Depth extends unknown[] = []> = Depth["length"] extends 6
  ? never
  : {
      [Key in keyof Metadata & string]: string extends Key
        ? string
        : NonNullable<Metadata[Key]> extends Scalar | readonly unknown[]
          ? Key
          : unknown extends Metadata[Key]
            ? Key | `${Key}.${string}`
            : NonNullable<Metadata[Key]> extends object
              ? `${Key}.${PathsOf<NonNullable<Metadata[Key]>, [...Depth, unknown]>}`
              : Key;
    }[keyof Metadata & string];

type ValueAt<Metadata, Path> = Path extends keyof Metadata
  ? Metadata[Path]
  : Path extends `${infer Head}.${infer Rest}`
    ? Head extends keyof Metadata
      ? ValueAt<NonNullable<Metadata[Head]>, Rest>
      : unknown
    : unknown;
