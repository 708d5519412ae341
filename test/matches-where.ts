/** The meaning of a filter, said once more and without SQL. `metadata` is as it is stored: JSON. */
export function matches(where: Record<string, unknown>, metadata: unknown): boolean {
  return Object.entries(where).every(([name, condition]) => {
    if (name === "$and") return (condition as Record<string, unknown>[]).every((part) => matches(part, metadata));
    if (name === "$or") return (condition as Record<string, unknown>[]).some((part) => matches(part, metadata));
    if (name === "$not") return !matches(condition as Record<string, unknown>, metadata);
    return holds(condition, valueAt(metadata, name.split(".")));
  });
}

function holds(condition: unknown, field: unknown): boolean {
  if (typeof condition !== "object" || condition === null || condition instanceof Date) return equals(field, condition);
  return Object.entries(condition).every(([operator, operand]) => {
    switch (operator) {
      case "$eq":
        return equals(field, operand);
      case "$ne":
        return !equals(field, operand);
      case "$in":
        return (operand as unknown[]).some((value) => equals(field, value));
      case "$nin":
        return !(operand as unknown[]).some((value) => equals(field, value));
      case "$lt":
        return compare(field, operand, (order) => order < 0);
      case "$lte":
        return compare(field, operand, (order) => order <= 0);
      case "$gt":
        return compare(field, operand, (order) => order > 0);
      case "$gte":
        return compare(field, operand, (order) => order >= 0);
      case "$between": {
        const [low, high] = operand as [unknown, unknown];
        return compare(field, low, (order) => order >= 0) && compare(field, high, (order) => order <= 0);
      }
      case "$like":
        return typeof field === "string" && toRegExp(operand as string, "su").test(field);
      case "$ilike":
        return typeof field === "string" && toRegExp(operand as string, "siu").test(field);
      case "$exists":
        return (field !== undefined) === operand;
      case "$not":
        return !holds(operand, field);
      default:
        throw new Error(`No such operator: ${operator}`);
    }
  });
}

function equals(field: unknown, operand: unknown): boolean {
  const value = operand instanceof Date ? operand.toISOString() : operand;
  if (field === undefined) return value === null;
  // `===`: 0 and -0 are the same number.
  return Array.isArray(field) ? field.some((element) => element === value) : field === value;
}

function compare(field: unknown, operand: unknown, test: (order: number) => boolean): boolean {
  if (operand instanceof Date) {
    const isDate = typeof field === "string" && /^\d{4}-\d\d-\d\d/.test(field);
    return isDate && !Number.isNaN(Date.parse(field)) && test(Date.parse(field) - operand.getTime());
  }
  if (typeof field !== typeof operand) return false;
  if (typeof field === "number") return test(field - (operand as number));
  return typeof field === "string" && test(Buffer.compare(Buffer.from(field), Buffer.from(operand as string)));
}

function valueAt(metadata: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value)) return /^\d+$/.test(name) ? value[Number(name)] : undefined;
    return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }, metadata);
}

function toRegExp(pattern: string, flags: string): RegExp {
  const source = pattern.replaceAll(/\\?./gsu, (part) => {
    if (part === "%") return ".*";
    if (part === "_") return ".";
    return (part.length > 1 && part.startsWith("\\") ? part.slice(1) : part).replace(/[.*+?^${}()|[\]\\/]/, "\\$&");
  });
  return new RegExp(`^${source}$`, flags);
}
