import { PgVectorDBError } from "../../errors.ts";

/** `baseUrl` with `path` behind it; a query string (`?api-version=…`) stays at the end. @throws PgVectorDBError `invalid_argument` */
export function endpointUrl(service: string, baseUrl: string | undefined, path: string): string {
  if (baseUrl === undefined) {
    throw invalid(`\`baseUrl\` is needed: where ${service} listens, such as "http://localhost:8080".`);
  }
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw invalid('`baseUrl` must be an http or https address, such as "http://localhost:8080".');
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid("`baseUrl` must not hold a user name or password: pass `apiKey` or `headers`.");
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
  url.hash = "";
  return url.href;
}

function invalid(message: string): PgVectorDBError {
  return new PgVectorDBError("invalid_argument", message);
}
