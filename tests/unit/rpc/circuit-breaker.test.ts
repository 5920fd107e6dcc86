import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../../src/errors.ts";
import { createMetrics } from "../../../src/metrics/metrics.ts";
import { CircuitBreaker } from "../../../src/rpc/circuit-breaker.ts";
import type { Controller } from "../../../src/rpc/controller.ts";
import { guarded } from "../../../src/rpc/guard.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog, type RecordedLog } from "../../support/recorded-log.ts";
import { scriptedController, type ScriptedController } from "../../support/scripted-controller.ts";
import { settle } from "../../support/settle.ts";
import { commandOf } from "./requests.ts";

const GRACE_MS = 3_000;
const PATIENCE_MS = 1_500;

let clock: FakeClock;
let metrics: ReturnType<typeof createMetrics>;
let log: RecordedLog;
let application: ScriptedController;
let circuit: CircuitBreaker;
let controller: Controller;

beforeEach(() => {
  clock = new FakeClock();
  metrics = createMetrics();
  log = recordedLog();
  application = scriptedController();
  circuit = new CircuitBreaker({
    name: "test rpc",
    isFailure: ({ code }) => code === "rpc.unavailable" || code === "rpc.timeout",
    graceMs: GRACE_MS,
    patienceMs: PATIENCE_MS,
    clock,
    logger: log.logger,
    metrics,
  });
  controller = circuit.protect(application.controller);
});

/** Makes a call; resolves to the code of its failure, or to "answer". */
async function call(signal = new AbortController().signal): Promise<ErrorCode | "answer"> {
  return controller.command(commandOf("a"), signal).then(
    () => "answer" as const,
    (error: { code: ErrorCode }) => error.code,
  );
}

async function succeed(): Promise<void> {
  const outcome = call();
  application.running.at(-1)!.answer();
  expect(await outcome).toBe("answer");
}

async function fail(code: ErrorCode = "rpc.unavailable"): Promise<void> {
  const outcome = call();
  application.running.at(-1)!.fail(code, "nobody there");
  expect(await outcome).toBe(code);
}

async function times(count: number, act: () => Promise<void>): Promise<void> {
  for (let n = 0; n < count; n++) await act();
}

/** Whether a call is turned away without being made. */
async function isTurnedAway(): Promise<boolean> {
  const before = application.calls.length;
  const outcome = call();
  if (application.calls.length > before) {
    application.running.at(-1)!.answer();
    await outcome;
    return false;
  }
  expect(await outcome).toBe("rpc.unavailable");
  return true;
}

async function open(): Promise<void> {
  await times(9, fail);
  clock.advance(GRACE_MS);
  await fail();
  expect(circuit.isClosed).toBe(false);
}

describe("a closed circuit", () => {
  it("lets every call through, and brings back its answer or its error", async () => {
    await succeed();
    await fail("rpc.failed");
    expect(circuit.complaint).toBeUndefined();
    expect(metrics.gauges.rpc_circuit_open?.()).toBe(0);
  });

  it("opens when eight of ten calls have failed, and after the grace still do", async () => {
    await times(2, succeed);
    await times(8, fail);
    clock.advance(GRACE_MS - 1);
    await fail();
    expect(circuit.isClosed).toBe(true);
    clock.advance(1);
    await fail();
    expect(await isTurnedAway()).toBe(true);
  });

  it("stays closed when the grace is over and the failures are fewer by then", async () => {
    await times(10, fail);
    clock.advance(GRACE_MS - 1);
    await times(3, succeed);
    clock.advance(1);
    await fail();
    expect(circuit.isClosed).toBe(true);
  });

  it("opens by failures alone: ten of them", async () => {
    await times(9, fail);
    clock.advance(GRACE_MS);
    expect(circuit.isClosed).toBe(true);
    await fail();
    expect(await isTurnedAway()).toBe(true);
  });

  it("stays closed while less than 80 % fail", async () => {
    for (let n = 0; n < 100; n++) {
      await succeed();
      await times(3, fail);
      clock.advance(100);
    }
    expect(circuit.isClosed).toBe(true);
  });

  it("stays closed when the application is away for less than the grace, however many ask for it meanwhile", async () => {
    for (let n = 0; n < 29; n++) {
      await times(20, fail);
      clock.advance(100);
    }
    expect(circuit.isClosed).toBe(true);
    await times(200, succeed);
    await times(20, fail);
    expect(circuit.isClosed).toBe(true);
  });

  it("forgets what was ten seconds ago", async () => {
    await times(9, fail);
    clock.advance(10_000);
    await times(9, fail);
    expect(circuit.isClosed).toBe(true);
    clock.advance(GRACE_MS - 1);
    await times(9, fail);
    expect(circuit.isClosed).toBe(true);
  });

  it("takes every error that is an answer for a success", async () => {
    for (const code of ["rpc.failed", "rpc.invalid_answer", "rpc.exhausted", "rpc.unauthenticated"] as const)
      await times(20, () => fail(code));
    clock.advance(GRACE_MS);
    await fail("rpc.failed");
    expect(circuit.isClosed).toBe(true);
  });

  it("counts timeouts", async () => {
    await times(9, () => fail("rpc.timeout"));
    clock.advance(GRACE_MS);
    await fail("rpc.timeout");
    expect(circuit.isClosed).toBe(false);
  });

  it("counts calls whose clients went away after they had waited long, from when they began", async () => {
    const caller = new AbortController();
    const outcomes = Array.from({ length: 10 }, () => call(caller.signal));
    clock.advance(GRACE_MS);
    caller.abort();
    await Promise.all(outcomes);
    expect(circuit.isClosed).toBe(false);
  });

  it("counts calls that ran out of time, however little they had", async () => {
    const impatient = guarded(application.controller, { clock, random: () => 0.5, metrics, commandTimeoutMs: PATIENCE_MS - 1, circuit });
    for (let round = 0; round < 4; round++) {
      const outcomes = Array.from({ length: 3 }, () => impatient.command(commandOf("a"), new AbortController().signal));
      clock.advance(PATIENCE_MS - 1);
      for (const outcome of outcomes) await expect(outcome).rejects.toMatchObject({ code: "rpc.timeout" });
    }
    expect(circuit.isClosed).toBe(false);
  });

  it("learns nothing from calls whose clients went away soon", async () => {
    for (let n = 0; n < 20; n++) {
      const caller = new AbortController();
      const outcome = call(caller.signal);
      clock.advance(PATIENCE_MS - 1);
      caller.abort();
      expect(await outcome).toBe("rpc.canceled");
    }
    expect(circuit.isClosed).toBe(true);
  });
});

describe("an open circuit", () => {
  beforeEach(open);

  it("turns calls away for five seconds, and says why and until when", async () => {
    clock.advance(1_500);
    const before = application.calls.length;
    await expect(controller.command(commandOf("a"), new AbortController().signal)).rejects.toMatchObject({
      code: "rpc.unavailable",
      message: "test rpc is temporarily unavailable: it is tried again in 3.5 s; the last failure: nobody there",
      forMs: 3_500,
    });
    clock.advance(3_499);
    expect(await isTurnedAway()).toBe(true);
    expect(application.calls).toHaveLength(before);
    clock.advance(1);
    expect(await isTurnedAway()).toBe(false);
  });

  it("is told once in the log, shown in the metrics and on the readiness page", async () => {
    await isTurnedAway();
    expect(log.messages()).toEqual(["circuit open: the application does not answer, so calls to it fail at once"]);
    expect(log.lines[0]!.fields).toEqual({ name: "test rpc", calls: 10, failures: 10, error: "nobody there" });
    expect(metrics.gauges.rpc_circuit_open?.()).toBe(1);
    expect(controller.isReachable?.()).toBe(false);
    expect(circuit.complaint).toBe("calls fail at once (circuit open); the last failure: nobody there");
  });

  it("lets five probes through at a time, and closes when all five have an answer", async () => {
    clock.advance(5_000);
    const probes = Array.from({ length: 5 }, () => call());
    expect(application.running).toHaveLength(5);
    expect(await isTurnedAway()).toBe(true);
    for (const probe of application.running.slice(0, 4)) probe.answer();
    await settle();
    expect(await isTurnedAway()).toBe(true);
    application.running[0]!.answer();
    expect(await Promise.all(probes)).toEqual(["answer", "answer", "answer", "answer", "answer"]);
    expect(await isTurnedAway()).toBe(false);
    expect(log.messages().slice(1)).toEqual(["circuit closed: the application answers again"]);
    expect(metrics.gauges.rpc_circuit_open?.()).toBe(0);
    expect(controller.isReachable?.()).toBe(true);
  });

  it("opens again for five seconds, without another line, when a probe fails", async () => {
    clock.advance(5_000);
    await times(4, succeed);
    await fail();
    clock.advance(4_999);
    expect(await isTurnedAway()).toBe(true);
    clock.advance(1);
    expect(await isTurnedAway()).toBe(false);
    expect(log.messages()).toHaveLength(1);
  });

  it("learns nothing from a probe that ran out of time soon, and all from one that had its time", async () => {
    const limitMs = 2 * PATIENCE_MS;
    const patient = guarded(application.controller, { clock, random: () => 0.5, metrics, commandTimeoutMs: limitMs, circuit });
    clock.advance(5_000 - limitMs + 1);
    const late = patient.command(commandOf("a"), new AbortController().signal);
    await settle();
    // It becomes a probe with 1 ms to go.
    clock.advance(limitMs - 1);
    await settle();
    clock.advance(1);
    await expect(late).rejects.toMatchObject({ code: "rpc.timeout" });
    expect(await isTurnedAway()).toBe(false);
    const full = patient.command(commandOf("a"), new AbortController().signal);
    await settle();
    clock.advance(limitMs);
    await expect(full).rejects.toMatchObject({ code: "rpc.timeout" });
    expect(await isTurnedAway()).toBe(true);
  });

  it("gives the place of a probe that was given up to another", async () => {
    clock.advance(5_000);
    const caller = new AbortController();
    const givenUp = Array.from({ length: 5 }, () => call(caller.signal));
    caller.abort();
    await Promise.all(givenUp);
    await times(5, succeed);
    expect(circuit.isClosed).toBe(true);
  });

  it("hears nothing from calls that began before it opened", async () => {
    clock.advance(5_000);
    await times(5, succeed);
    const old = Array.from({ length: 5 }, () => call());
    await times(9, fail);
    clock.advance(GRACE_MS);
    await fail();
    clock.advance(5_000);
    const probe = call();
    for (const running of application.running.slice(0, 5)) running.fail("rpc.unavailable");
    await Promise.all(old);
    application.running[0]!.answer();
    expect(await probe).toBe("answer");
    await times(4, succeed);
    expect(circuit.isClosed).toBe(true);
  });

  it("begins to count anew after it has closed", async () => {
    clock.advance(5_000);
    await times(5, succeed);
    await times(9, fail);
    clock.advance(GRACE_MS);
    expect(circuit.isClosed).toBe(true);
    await fail();
    expect(circuit.isClosed).toBe(false);
  });
});

describe("a circuit inside of the guard", () => {
  function guard(commandTimeoutMs: number): Controller {
    return guarded(application.controller, { clock, random: () => 0.5, metrics, commandTimeoutMs, circuit });
  }

  beforeEach(open);

  it("fails a call at once that could not wait until the circuit is tried again", async () => {
    const before = application.calls.length;
    await expect(guard(3_000).command(commandOf("a"), new AbortController().signal)).rejects.toMatchObject({
      code: "rpc.unavailable",
      message: expect.stringMatching(/^test rpc is temporarily unavailable/) as string,
    });
    expect(application.calls).toHaveLength(before);
    expect(metrics.counters).toMatchObject({ rpc_call_total: 1, rpc_error_total: 1, rpc_retries_total: 0 });
    expect(clock.pending).toBe(0);
  });

  it("lets a call wait that can, without asking meanwhile", async () => {
    clock.advance(2_500);
    const before = application.calls.length;
    const answer = guard(3_000).command(commandOf("a"), new AbortController().signal);
    await settle();
    // The limit of the call, and one pause.
    expect(clock.pending).toBe(2);
    clock.advance(2_499);
    await settle();
    expect(application.calls).toHaveLength(before);
    clock.advance(1);
    await settle();
    application.running[0]!.answer();
    expect(await answer).toMatchObject({ status: "accepted" });
    expect(metrics.counters.rpc_retries_total).toBe(1);
  });

  it("lets those that find all probes on their way come again soon", async () => {
    clock.advance(5_000);
    const answers = Array.from({ length: 6 }, () => guard(3_000).command(commandOf("a"), new AbortController().signal));
    await settle();
    expect(application.running).toHaveLength(5);
    for (const probe of application.running.slice(0, 5)) probe.answer();
    await settle();
    clock.advance(100);
    await settle();
    application.running[0]!.answer();
    expect(await Promise.all(answers)).toHaveLength(6);
  });
});
