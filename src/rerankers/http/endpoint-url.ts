import { PgVectorDBError } from "../../errors.ts";

/** `baseUrl` with `path` behind it; a query string (`?api-version=…`) stays at the end. @throws PgVectorDBError `invalid_argument` */
export function endpointUrl(
  service: string,
  baseUrl: string | undefined,
  path: string,
  option: "baseUrl" | "endpoint" = "baseUrl",
): string {
  if (baseUrl === undefined) {
    throw invalid(`\`${option}\` is needed: where ${service} listens, such as "http://localhost:8080".`);
  }
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw invalid(`\`${option}\` must be an http or https address, such as "http://localhost:8080".`);
  }
  if (url.username !== "" || url.password !== "") {
    const instead = option === "baseUrl" ? "`apiKey` or `headers`" : "`credentials`";
    throw invalid(`\`${option}\` must not hold a user name or password: pass ${instead}.`);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
  url.hash = "";
  return url.href;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
