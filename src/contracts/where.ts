type Scalar = string | number | boolean | Date | null;

/** What every field can be asked. */
interface EqualityOperators<Value> {
  readonly $eq?: Value | undefined;
  /** Not equal, or missing. */
  readonly $ne?: Value | undefined;
  readonly $in?: readonly Value[] | undefined;
  /** Equal to none of these, or missing. */
  readonly $nin?: readonly Value[] | undefined;
}

interface ExistsOperator {
  /** Whether the field is there. One that is null is there. */
  readonly $exists?: boolean | undefined;
}

/** What has an order can be asked. */
interface RangeOperators<Value> {
  readonly $lt?: Value | undefined;
  readonly $lte?: Value | undefined;
  readonly $gt?: Value | undefined;
  readonly $gte?: Value | undefined;
  /** From the first to the second, both included. */
  readonly $between?: readonly [Value, Value] | undefined;
}

/** What is text can be asked: SQL patterns, `%` for any text, `_` for any character, `\` before one of these that is meant. */
interface PatternOperators {
  readonly $like?: string | undefined;
  /** As `$like`, upper or lower case. */
  readonly $ilike?: string | undefined;
}

/** The types of operators that do not fit a field are `unknown`, which adds nothing to an intersection. */
type Ranges<Value> = [Ordered<Value>] extends [never] ? unknown : RangeOperators<Ordered<Value>>;
type Patterns<Value> = [Extract<Value, string>] extends [never]
  ? unknown
  : [Extract<Value, Date>] extends [never]
    ? PatternOperators
    : // A date is compared as a date; a field of any type may be text.
      [Extract<Value, boolean>] extends [never]
      ? unknown
      : PatternOperators;

type Ordered<Value> = Exclude<Value, boolean | null>;

interface Negation<Condition> {
  /** The condition does not hold, or the field is missing. */
  readonly $not?: Condition | undefined;
}

type Operators<Value> = EqualityOperators<Value> &
  ExistsOperator &
  Ranges<Value> &
  Patterns<Value> &
  Negation<Condition<Value>>;

/** One field's condition: the value itself, or operators that must all hold. */
export type Condition<Value> = Value | Operators<Value>;

/** An array has elements, but no order and no pattern. */
type ElementCondition<Value> = Value | (EqualityOperators<Value> & ExistsOperator & Negation<ElementCondition<Value>>);

/** An object is there or not; its fields are reached by dots. */
type ObjectCondition = null | ExistsOperator;

type FieldCondition<Field> = unknown extends Field
  ? Condition<Scalar>
  : [NonNullable<Field>] extends [readonly unknown[]]
    ? ElementCondition<FilterValue<Field>>
    : [NonNullable<Field>] extends [Scalar | readonly unknown[]]
      ? Condition<FilterValue<Field>>
      : ObjectCondition;

interface Combinations<Nested> {
  /** All of these hold. */
  readonly $and?: readonly Nested[] | undefined;
  /** At least one of these holds. */
  readonly $or?: readonly Nested[] | undefined;
  /** This does not hold. */
  readonly $not?: Nested | undefined;
}

/** The filter of metadata whose fields are not known. */
export interface UntypedWhere {
  readonly [path: string]: Condition<Scalar> | UntypedWhere | readonly UntypedWhere[] | undefined;
}

/**
 * Conditions on metadata, all of which must hold; `$and`, `$or` and `$not` combine them. Nested fields are reached by dots:
 * `{ "size.width": { $lte: 40 } }`. The operators mean what they mean in MongoDB:
 *
 * - Numbers compare as numbers, strings by their code points, a `Date` with the instant that an ISO 8601 string stands for
 *   (one without a zone is UTC). A field of another type is in no range and fits no pattern.
 * - A `Date` is stored as its ISO string, and equals that string.
 * - A field that is an array equals a value when it contains it. It is in no range and fits no pattern.
 * - `null` equals a field that is null or missing. `$exists` tells the two apart.
 * - `$ne`, `$nin` and `$not` are true exactly where the condition without them is false: for a missing field too.
 *
 * At most 100 conditions, nested at most 16 deep.
 */
export type Where<Metadata extends object> =
  string extends PathsOf<Metadata>
    ? UntypedWhere
    : {
        readonly [Path in PathsOf<Metadata>]?: FieldCondition<ValueAt<Metadata, Path>> | undefined;
      } & Combinations<Where<Metadata>>;

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

/** `a`, `b`, `b.c`, `b.c.d`: the paths to every field. */
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
              ? Key | `${Key}.${PathsOf<NonNullable<Metadata[Key]>, [...Depth, unknown]>}`
              : Key;
    }[keyof Metadata & string];

type ValueAt<Metadata, Path> = Path extends keyof Metadata
  ? Metadata[Path]
  : Path extends `${infer Head}.${infer Rest}`
    ? Head extends keyof Metadata
      ? ValueAt<NonNullable<Metadata[Head]>, Rest>
      : unknown
    : unknown;
