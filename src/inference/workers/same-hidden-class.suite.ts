import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Whether V8 describes two objects of the same fields by one hidden class. An object that has one of its own leaves it
 * behind until a full collection, and thousands of them make the heap grow.
 */
export function haveSameHiddenClass(one: object, other: object): boolean {
  setFlagsFromString("--allow-natives-syntax");
  try {
    return runInNewContext("(one, other) => %HaveSameMap(one, other)")(one, other);
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
}
