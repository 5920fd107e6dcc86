/** What the load generator is told to do: one plan, one process, one result. */
export type LoadPlan = FanOutPlan | ConnectPlan | CommandPlan | ReturnPlan | KeepPlan;

/** Where the server under test listens, on 127.0.0.1, and how its clients come in. */
export interface Endpoint {
  readonly port: number;
  /** Each connection makes a handshake of its own; the certificate is not checked. Default: plain text. */
  readonly isTls?: boolean;
  /** JSON Web Token that clients show as `x-jid`. Default: none. */
  readonly token?: string;
  /** Clients speak the extended protocol, whose messages have positions. Default: the base protocol. */
  readonly isExtended?: boolean;
  /** Session that a client goes on with. Default: none. */
  readonly sid?: string;
}

interface PlanBasics extends Endpoint {
  /** Whose CPU and memory are read. */
  readonly serverPid: number;
  /** The cores whose other users are watched: the server's; the generator's, where it is alone. Absent when not pinned. */
  readonly serverCore?: number;
  readonly loadCore?: number;
  readonly clients: number;
  /** The generator gives up, and fails, after this long. */
  readonly deadlineMs: number;
}

/** Connect everybody, publish, check every delivery. */
export interface FanOutPlan extends PlanBasics {
  readonly kind: "fan-out";
  readonly streams: number;
  /** Subscribers of each stream, dealt out over the clients in turn; `streams * subscribers` may be less or more than `clients`. */
  readonly subscribers: number;
  readonly publishing:
    | { readonly mode: "paced"; readonly perSecond: number }
    /** A publication is in flight until it is answered and everybody has it. */
    | { readonly mode: "closed"; readonly inFlight: number };
  /** About how long the message of each publication is. Default: a number, and no more. */
  readonly bodyBytes?: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Connect and subscribe everybody; nothing else. */
export interface ConnectPlan extends PlanBasics {
  readonly kind: "connect";
  /** Clients that come and go before the measured ones, so that the server's code is warm. */
  readonly warmUpClients: number;
  /** Handshakes under way at a time. */
  readonly atOnce: number;
  /** Waits for the server's memory to come to rest, at most this long, before and after. 0 = measure at once. */
  readonly settleMs: number;
}

/** Every client sends commands, one at a time. */
export interface CommandPlan extends PlanBasics {
  readonly kind: "commands";
  /** `perform` an action, which the application answers over RPC; `ping`, which the server answers itself. */
  readonly command: "perform" | "ping";
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** How clients come back that have lost their connection. */
export interface Returning {
  /** As new ones: without their sid, and without asking for what they missed. Default: false. */
  readonly isAnew?: boolean;
  /** What is lost, doubled or out of order is counted, and does not make the run fail. Default: false. */
  readonly mayLose?: boolean;
}

/** What can be asked of the server, besides what its clients ask. */
export interface Askable {
  /** It collects its garbage on SIGUSR2. Default: it can't be made to, and the signal is not sent. */
  readonly collectsGarbage?: boolean;
}

/** Connect everybody, drop everybody, publish, and let everybody come back and ask for what was missed. */
export interface ReturnPlan extends PlanBasics, Returning {
  readonly kind: "return";
  /** Clients are dealt out over them in turn. */
  readonly streams: number;
  /** Messages of each stream that are published while nobody is there. */
  readonly missed: number;
  /** Clients that go through all of it before the measured ones, so that the server's code is warm. */
  readonly warmUpClients: number;
  /** Connections under way at a time. */
  readonly atOnce: number;
}

/** Fill the server with something that it keeps, twice; what the second lot adds to its memory at rest. */
export interface KeepPlan extends PlanBasics, Askable {
  readonly kind: "keep";
  /** Messages that nobody hears; sessions of `clients` that came, heard a stream, and went. */
  readonly what: "messages" | "sessions";
  /** Of messages: how many streams, how many messages each, and about how long each message is. */
  readonly streams: number;
  readonly perStream: number;
  readonly bodyBytes: number;
  /** Waits for the server's memory to come to rest, at most this long, after each lot. */
  readonly settleMs: number;
}

/** Plain numbers by name; the benches say which of them they show. */
export type Figures = Readonly<Record<string, number>>;

/** The generator's one line of output. A run that lost, doubled or reordered anything has a failure and no figures. */
export type LoadResult = { readonly figures: Figures } | { readonly failure: string };
