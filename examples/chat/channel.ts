// What a channel of this application is. The application finds it by its name and passes the client's commands on.

export interface Client {
  /** Unique per connection (the cable server's session id). */
  readonly id: string;
  readonly name: string;
}

/** One client's subscription to a channel. */
export interface Subscription {
  readonly client: Client;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Answer {
  /** Streams whose publications this subscription hears from now on. */
  readonly streams?: readonly string[];
  /** The stream in whose presence set this client may be from now on. */
  readonly presence?: string;
  /** Messages for this client only. */
  readonly transmit?: readonly unknown[];
}

export interface Channel {
  /** Answers "rejected" when this client may not subscribe with these params. */
  subscribe(subscription: Subscription): Answer | "rejected";
  perform(subscription: Subscription, action: string, data: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** The client left this channel or its connection ended. */
  unsubscribe(subscription: Subscription): void;
}
