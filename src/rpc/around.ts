import type { CallSignal } from "../internal/cancellation.ts";
import type { Controller } from "./controller.ts";

/** One call of a controller, whichever of the three. Can be made again. */
export type Call<Answer> = (signal: CallSignal) => Promise<Answer>;

/** Makes a call, now or later, once or more often; with the caller's signal or one of its own that follows it. */
export type Around = <Answer>(call: Call<Answer>, signal: CallSignal) => Promise<Answer>;

/** A controller each of whose calls goes through `run`. */
export function around(controller: Controller, run: Around): Controller {
  return {
    ...controllerLife(controller),
    needsEnv: controller.needsEnv,
    connect: (request, signal) => run((inner) => controller.connect(request, inner), signal),
    command: (request, signal) => run((inner) => controller.command(request, inner), signal),
    disconnect: (request, signal) => run((inner) => controller.disconnect(request, inner), signal),
  };
}

/** What is not a call passes through; what the controller lacks stays absent. */
export function controllerLife(controller: Controller): Pick<Controller, "system" | "start" | "stop" | "isReachable"> {
  return {
    ...(controller.system !== undefined && { system: controller.system }),
    ...(controller.start && { start: () => controller.start!() }),
    ...(controller.stop && { stop: () => controller.stop!() }),
    ...(controller.isReachable && { isReachable: () => controller.isReachable!() }),
  };
}
