// What the tests use of @rails/actioncable, which comes without types.

declare module "@rails/actioncable/app/assets/javascripts/actioncable.esm.js" {
  export const adapters: { WebSocket: unknown; logger: unknown };

  export class ConnectionMonitor {
    /** Seconds without a message after which a connection counts as dead. */
    static staleThreshold: number;
    readonly reconnectAttempts: number;
    isRunning(): boolean;
  }

  export class Connection {
    /** Milliseconds between giving a connection up and opening the next. */
    static reopenDelay: number;
    readonly monitor: ConnectionMonitor;
    readonly webSocket: { onmessage: (event: { readonly data: string }) => void };
    isOpen(): boolean;
  }

  export interface Subscription {
    readonly identifier: string;
    perform(action: string, data?: object): boolean;
    unsubscribe(): Subscription;
  }

  export interface Callbacks {
    initialized?(): void;
    connected?(how: { readonly reconnected: boolean }): void;
    disconnected?(how: { readonly willAttemptReconnect: boolean }): void;
    rejected?(): void;
    received?(message: unknown): void;
  }

  export interface Consumer {
    readonly connection: Connection;
    readonly subscriptions: { create(params: object, callbacks: Callbacks): Subscription };
    disconnect(): void;
  }

  export function createConsumer(url: string): Consumer;
}
