import type { Bench } from "../bench.ts";
import { deflate } from "./deflate.ts";
import { httpRpc } from "./http-rpc.ts";
import { jwt } from "./jwt.ts";
import { limits } from "./limits.ts";
import { statsd } from "./statsd.ts";
import { tls } from "./tls.ts";
import { tracing } from "./tracing.ts";

/** What each thing costs that can be switched on: Ropeway with it and without, in turn. */
export const prices: readonly Bench[] = [tls, deflate, tracing, limits, jwt, httpRpc, statsd];
