/** A part of the server that has a life: it starts once, stops once, and holds nothing afterwards. */
export interface Service {
  /** What it is called in logs and errors. */
  readonly name: string;
  /** Resolves when the part does its job. A broken remote peer is no reason to fail: retry in the background. */
  start?(): Promise<void>;
  /** Resolves when everything is given back. MUST NOT throw for a peer that is gone already; at `deadline` it gives up waiting. */
  stop?(deadline: AbortSignal): Promise<void>;
}

/** How a part that depends on a remote service is. */
export interface RemoteState {
  readonly isConnected: boolean;
  /** Whether readiness depends on it. */
  readonly isRequired: boolean;
  /** Clock.monotonicMs since when `isConnected` holds its value. */
  readonly sinceMs: number;
  /** Where it connects to, without credentials. */
  readonly target: string;
  /** Why it is not connected. Strangers may read it. */
  readonly problem?: string | undefined;
}

/** Starts services in order; when one fails, those before it are stopped again and the error is thrown on. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const started: Service[] = [];
  try {
    for (const service of services) {
      await service.start?.();
      started.push(service);
    }
  } catch (error) {
    await stopAll(started, AbortSignal.timeout(5_000), () => {});
    throw error;
  }
}

/** Stops services in reverse order. A failure is told to `onError` and keeps nobody else from stopping. */
export async function stopAll(
  services: readonly Service[],
  deadline: AbortSignal,
  onError: (service: Service, error: unknown) => void,
): Promise<void> {
  for (const service of services.toReversed()) {
    try {
      await service.stop?.(deadline);
    } catch (error) {
      onError(service, error);
    }
  }
}
