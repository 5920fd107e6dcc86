import { openApiDocument, type OpenApiOperation } from "../../scripts/reference/openapi.ts";

const document = openApiDocument();

/** Operations by id, as `docs/reference/openapi.json` has them. */
export const documentedOperations: ReadonlyMap<string, OpenApiOperation> = new Map(
  Object.values(document.paths).flatMap((item) => Object.values(item).map((operation) => [operation.operationId, operation] as const)),
);

/** What an answer has in it that the document does not say of the operation; empty = all is as documented. */
export function undocumented(
  operationId: string,
  { status, contentType, body }: { readonly status: number; readonly contentType: string | null; readonly body: string },
): readonly string[] {
  const operation = documentedOperations.get(operationId);
  if (operation === undefined) return [`operation ${operationId}`];
  const response = operation.responses[status];
  if (response === undefined) return [`status ${status}`];
  if (response.content === undefined) return body === "" ? [] : [`a body with ${status}`];
  const schema = response.content[contentType ?? ""]?.schema;
  if (schema === undefined) return [`content type ${contentType}`];
  return mismatches(schema, contentType === "application/json" ? (JSON.parse(body) as unknown) : body, "body");
}

type Schema = Readonly<Record<string, unknown>>;

const annotations = new Set(["description", "default"]);

/** The part of JSON Schema that the document uses; any other keyword throws, so that none is silently not looked at. */
const keywords: Readonly<Record<string, (wanted: unknown, value: unknown, path: string, schema: Schema) => readonly string[]>> = {
  $ref(wanted, value, path) {
    const name = String(wanted).replace("#/components/schemas/", "");
    const schema = document.components.schemas[name];
    if (schema === undefined) throw new Error(`the document has no schema ${name}`);
    return mismatches(schema, value, path);
  },
  const: (wanted, value, path) => (value === wanted ? [] : [`${path} is not ${JSON.stringify(wanted)}`]),
  enum: (wanted, value, path) => ((wanted as unknown[]).includes(value) ? [] : [`${path} is ${JSON.stringify(value)}`]),
  type: (wanted, value, path) =>
    [wanted].flat().some((type) => isOfType(type as string, value)) ? [] : [`${path} is no ${String(wanted)}`],
  minimum: (wanted, value, path) => (typeof value !== "number" || value >= (wanted as number) ? [] : [`${path} is ${value}`]),
  minLength: (wanted, value, path) => (typeof value !== "string" || value.length >= (wanted as number) ? [] : [`${path} is too short`]),
  minItems: (wanted, value, path) => (!Array.isArray(value) || value.length >= (wanted as number) ? [] : [`${path} has too few items`]),
  anyOf(wanted, value, path) {
    const all = (wanted as Schema[]).map((schema) => mismatches(schema, value, path));
    return all.some((found) => found.length === 0) ? [] : all.flat();
  },
  items: (wanted, value, path) =>
    Array.isArray(value) ? value.flatMap((item, at) => mismatches(wanted as Schema, item, `${path}[${at}]`)) : [],
  required: (wanted, value, path) =>
    isObject(value) ? (wanted as string[]).filter((name) => !(name in value)).map((name) => `${path}.${name} is missing`) : [],
  properties: (wanted, value, path) =>
    Object.entries(wanted as Record<string, Schema>).flatMap(([name, schema]) =>
      isObject(value) && name in value ? mismatches(schema, value[name], `${path}.${name}`) : [],
    ),
  additionalProperties(wanted, value, path, { properties = {} }) {
    if (!isObject(value)) return [];
    const others = Object.entries(value).filter(([name]) => !(name in (properties as object)));
    return others.flatMap(([name, item]) =>
      wanted === false ? [`${path}.${name}`] : mismatches(wanted as Schema, item, `${path}.${name}`),
    );
  },
};

function mismatches(schema: object, value: unknown, path: string): readonly string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    if (annotations.has(keyword)) return [];
    const check = keywords[keyword];
    if (check === undefined) throw new Error(`nothing here checks ${keyword}, at ${path}`);
    return check(wanted, value, path, schema as Schema);
  });
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
