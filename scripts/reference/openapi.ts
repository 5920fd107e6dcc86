import { apiRoutes, type ApiOperation } from "../../src/api/routes.ts";
import { schemas, type SchemaName } from "./openapi-schemas.ts";

/** What a test needs to know of the document; it is plain OpenAPI 3.1. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object };
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly security: readonly object[];
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
}

export interface OpenApiResponse {
  readonly description: string;
  readonly headers?: object;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

type Text = Omit<OpenApiOperation, "operationId" | "security">;

/** The text of `docs/reference/openapi.json`. */
export function renderOpenApi(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

/** The default paths of everything that applications and operators ask over HTTP. The API's are those of the table that the server uses. */
export function openApiDocument(): OpenApiDocument {
  const ofApi = Object.entries(apiRoutes).map(([operation, { method, path }]) => {
    const text = apiOperations[operation as ApiOperation];
    const responses = { ...text.responses, "401": unauthorized, ...(method === "GET" && { "422": malformed }) };
    return [`/api${path}`, { [method.toLowerCase()]: { operationId: operation, ...text, security: keyed("apiKey"), responses } }] as const;
  });
  const document = {
    openapi: "3.1.0",
    info: {
      title: "Ropeway over HTTP",
      version: "1",
      description:
        "Paths are the defaults: `/api` is the option `api_path`, `/_broadcast` is `http_broadcast_path`, `/health` is `health-path`, `/ready` is `readiness_path`. Each may have a port of its own.",
    },
    servers: [{ url: "http://localhost:8080" }],
    paths: { ...Object.fromEntries(ofApi), ...otherPaths },
    components: {
      schemas,
      securitySchemes: {
        apiKey: bearer("`api_secret`, or the HMAC-SHA256 of `api-cable` with `secret` as its key, in hexadecimal."),
        broadcastKey: bearer("`broadcast_key`, or the HMAC-SHA256 of `broadcast-cable` with `secret` as its key, in hexadecimal."),
      },
    },
  };
  return document;
}

const streamParameter = {
  name: "stream",
  in: "path",
  required: true,
  description: "The stream's name, percent-encoded, slashes included.",
  schema: { type: "string", minLength: 1 },
};

function query(name: string, description: string, schema: object): object {
  return { name, in: "query", required: false, description, schema };
}

function json(description: string, schema: SchemaName): OpenApiResponse {
  return { description, content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } } };
}

const tellsWhenToRetry = { headers: { "Retry-After": { description: "Seconds to wait.", schema: { type: "string" } } } };

const unauthorized = json("The key is missing or wrong.", "Error");
const malformed = json("The method is not the operation's, or a parameter has a value that it can't have.", "Error");
const notFound = json("There is no such path. Outside the API's paths: the same without a JSON body.", "Error");
const away = { ...json("The broker's store can't be asked now. Try again.", "Error"), ...tellsWhenToRetry };
const broken = json("A fault of the server, which its log explains.", "Error");

const publicationBody = {
  required: true,
  description: "One publication, several, or a command. UTF-8, not compressed. Any content type is taken for JSON.",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Broadcast" } } },
};

const publicationResponses: Readonly<Record<string, OpenApiResponse>> = {
  "201": { description: "Stored, where there is a broker to store it, and passed on. No body." },
  "413": json("The body is over `http_broadcast_max_body_size`.", "Error"),
  "415": json("The body is compressed.", "Error"),
  "422": json("The body is no publication, or the method is not POST. Of a batch nothing was delivered.", "Error"),
  "500": broken,
  "503": { ...json("Not now: nothing was stored. Try again.", "Error"), ...tellsWhenToRetry },
};

const apiOperations: Readonly<Record<ApiOperation, Text>> = {
  publish: {
    summary: "Publish",
    description: "Sends a message to the subscribers of a stream, on all nodes.",
    requestBody: publicationBody,
    responses: publicationResponses,
  },
  presenceUsers: {
    summary: "Who is present in a stream",
    description: "Everybody counts once, with however many connections.",
    parameters: [
      streamParameter,
      query("records", "`false`: only how many there are, which costs much less where there are many.", { type: "boolean", default: true }),
    ],
    responses: {
      "200": json("Who is there.", "PresenceInfo"),
      "404": notFound,
      "500": broken,
      "501": json("The broker keeps no presence, or there is no broker.", "Error"),
      "503": away,
    },
  },
  streamHistory: {
    summary: "What is kept of a stream",
    description:
      "Oldest first. From a position, or from a second on, it is everything or the answer 410; without either it is the newest that there is. Where `next` stands in the answer there is more: its members are the parameters to ask with.",
    parameters: [
      streamParameter,
      query("limit", "Most publications of one answer, which is also limited to 1 MiB (or one publication).", {
        type: "integer",
        minimum: 1,
        maximum: 1000,
        default: 100,
      }),
      query("after", "The offset to begin after; with `epoch`.", { type: "integer", minimum: 0 }),
      query("epoch", "The epoch that `after` belongs to.", { type: "string", minLength: 1 }),
      query("since", "The second to begin with, Unix time; instead of `after`.", { type: "integer", minimum: 0 }),
    ],
    responses: {
      "200": json("Publications with their positions.", "StreamHistory"),
      "404": json("There is no such path, or this stream is one that is not kept.", "Error"),
      "410": json("Not everything from there on is kept: it expired, was trimmed, or the epoch ended.", "Error"),
      "500": broken,
      "501": json("The broker keeps no history, or there is no broker.", "Error"),
      "503": away,
    },
  },
  node: {
    summary: "How this node is",
    description: "Of the node that answers, not of the cluster.",
    responses: { "200": json("What it is made of, how much it holds, and how its parts are.", "Node"), "500": broken },
  },
};

const otherPaths: OpenApiDocument["paths"] = {
  "/_broadcast": {
    post: {
      operationId: "broadcast",
      summary: "Publish, as AnyCable's HTTP broadcast adapters do",
      description: "The same as `/api/publish`, with a key of its own.",
      requestBody: publicationBody,
      security: keyed("broadcastKey"),
      responses: { ...publicationResponses, "401": { description: "The key is missing or wrong. No body." } },
    },
  },
  "/health": {
    get: {
      operationId: "health",
      summary: "Whether the process is alive",
      description: "For whoever restarts processes. Answers every method, and says nothing of the parts.",
      security: [{}],
      responses: {
        "200": { description: "It is.", content: { "text/plain; charset=utf-8": { schema: { type: "string", const: "alive\n" } } } },
      },
    },
  },
  "/ready": {
    get: {
      operationId: "readiness",
      summary: "Whether this node wants clients",
      description: "For load balancers. Answers every method. Off unless `readiness_path` names it.",
      security: [{}],
      responses: {
        "200": json("It does.", "Readiness"),
        "503": json("It is starting, stopping, or has been without a part that was asked for.", "Readiness"),
      },
    },
  },
};

/** Without a key, and without a secret to derive one from, everybody may. */
function keyed(scheme: "apiKey" | "broadcastKey"): readonly object[] {
  return [{ [scheme]: [] }, {}];
}

function bearer(description: string): object {
  return { type: "http", scheme: "bearer", description };
}
